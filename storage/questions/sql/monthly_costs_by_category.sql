-- title = "Month by month: what each service category costs (Compute, Storage, Databases ...)"
-- answers = "What kinds of service is the money spent on? Bills that are asked of an API tell no category."
-- span = "3 months"
-- order = "month, the greatest cost first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no category"
-- columns = ["month", "provider", "service_category", "billing_currency", "billed_cost", "effective_cost", "former_cost", "change", "change_percent", "without_billed_cost", "without_effective_cost"]
-- [meanings]
-- billed_cost = "money: What is invoiced, of the lines that tell it; null where none does, and of what is gone since the month before."
-- former_cost = "money: billed_cost of the month before; null where nothing was told of it."
WITH told AS (
    SELECT month, provider, service_category, billing_currency,
           sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
           {without_billed} AS without_billed_cost, {without_effective} AS without_effective_cost
      FROM {lines|%(from)s|%(to)s}
     GROUP BY month, provider, service_category, billing_currency
)
SELECT coalesce(t.month, f.next_month) AS month, coalesce(t.provider, f.provider) AS provider,
       coalesce(t.service_category, f.service_category) AS service_category,
       coalesce(t.billing_currency, f.billing_currency) AS billing_currency,
       t.billed_cost, t.effective_cost, f.billed_cost AS former_cost,
       CASE WHEN coalesce(t.month, f.next_month) > date_trunc('month', (%(from)s)::date)::date
            THEN coalesce(t.billed_cost, 0) - coalesce(f.billed_cost, 0) END AS change,
       {percent_more|coalesce(t.billed_cost, 0)|f.billed_cost} AS change_percent,
       coalesce(t.without_billed_cost, 0) AS without_billed_cost,
       coalesce(t.without_effective_cost, 0) AS without_effective_cost
  FROM told AS t
  FULL JOIN (SELECT *, (month + interval '1 month')::date AS next_month FROM told) AS f
    ON (f.provider, f.service_category, f.billing_currency) = (t.provider, t.service_category, t.billing_currency)
   AND f.next_month = t.month
 WHERE t.month IS NOT NULL OR f.next_month < (%(to)s)::date
 ORDER BY month, billed_cost DESC NULLS LAST, provider, service_category, billing_currency
