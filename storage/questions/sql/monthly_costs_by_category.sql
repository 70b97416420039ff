-- title = "Month by month: what each service category costs (Compute, Storage, Databases ...)"
-- answers = "What kinds of service is the money spent on? Bills that are asked of an API tell no category."
-- span = "3 months"
-- order = "month, the greatest cost first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no category"
-- columns = ["month", "provider", "service_category", "billing_currency", "billed_cost", "effective_cost", "former_cost", "change", "change_percent", "without_billed_cost", "without_effective_cost"]
-- [meanings]
-- former_cost = "money: billed_cost of the month before; null where nothing was told of it."
WITH told AS (
    SELECT month, provider, service_category, billing_currency,
           sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
           {without_billed} AS without_billed_cost, {without_effective} AS without_effective_cost
      FROM {lines|%(from)s|%(to)s}
     GROUP BY month, provider, service_category, billing_currency
)
SELECT t.month, t.provider, t.service_category, t.billing_currency, t.billed_cost, t.effective_cost,
       f.billed_cost AS former_cost,
       CASE WHEN t.month > date_trunc('month', (%(from)s)::date)::date
            THEN t.billed_cost - coalesce(f.billed_cost, 0) END AS change,
       {percent_more|t.billed_cost|f.billed_cost} AS change_percent,
       t.without_billed_cost, t.without_effective_cost
  FROM told AS t
  LEFT JOIN told AS f
    ON (f.provider, f.service_category, f.billing_currency) = (t.provider, t.service_category, t.billing_currency)
   AND f.month = (t.month - interval '1 month')::date
 ORDER BY t.month, t.billed_cost DESC NULLS LAST, t.provider, t.service_category, t.billing_currency
