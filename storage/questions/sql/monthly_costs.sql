-- title = "Month by month: what each service, account or region costs, beside the month before"
-- answers = "How does spend develop, and what drives it? A month that is not over is beside a whole one."
-- span = "13 months"
-- by = ["service", "account", "region", "provider", "charge_category", "configured_account"]
-- order = "month, the greatest cost first"
-- columns = ["month", "provider", "item", "billing_currency", "billed_cost", "effective_cost", "former_cost", "change", "change_percent", "without_billed_cost", "without_effective_cost", "estimated"]
-- [meanings]
-- billed_cost = "money: What is invoiced, of the lines that tell it; null where none does, and of what is gone since the month before."
-- former_cost = "money: billed_cost of the month before; null where nothing was told of it."
WITH told AS (
    SELECT month, provider, item, billing_currency,
           sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
           sum(without_billed_cost)::bigint AS without_billed_cost,
           sum(without_effective_cost)::bigint AS without_effective_cost, bool_or(estimated) AS estimated
      FROM {summaries|%(from)s|%(to)s}
     GROUP BY month, provider, item, billing_currency
)
SELECT coalesce(t.month, f.next_month) AS month, coalesce(t.provider, f.provider) AS provider,
       coalesce(t.item, f.item) AS item,
       coalesce(t.billing_currency, f.billing_currency) AS billing_currency,
       t.billed_cost, t.effective_cost, f.billed_cost AS former_cost,
       CASE WHEN coalesce(t.month, f.next_month) > date_trunc('month', (%(from)s)::date)::date
            THEN coalesce(t.billed_cost, 0) - coalesce(f.billed_cost, 0) END AS change,
       {percent_more|coalesce(t.billed_cost, 0)|f.billed_cost} AS change_percent,
       coalesce(t.without_billed_cost, 0) AS without_billed_cost,
       coalesce(t.without_effective_cost, 0) AS without_effective_cost, t.estimated
  FROM told AS t
  FULL JOIN (SELECT *, (month + interval '1 month')::date AS next_month FROM told) AS f
    ON (f.provider, f.item, f.billing_currency) = (t.provider, t.item, t.billing_currency)
   AND f.next_month = t.month
 WHERE t.month IS NOT NULL OR f.next_month < (%(to)s)::date
 ORDER BY month, billed_cost DESC NULLS LAST, provider, item, billing_currency
