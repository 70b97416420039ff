-- title = "Usage, purchases, tax, credits and adjustments, by month"
-- answers = "What is the bill made of? The categories add up to it."
-- span = "13 months"
-- order = "month, provider, category"
-- columns = ["month", "provider", "charge_category", "billing_currency", "billed_cost", "effective_cost", "lines", "without_billed_cost", "without_effective_cost"]
SELECT month, provider, charge_category, billing_currency,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost, sum(lines)::bigint AS lines,
       sum(without_billed_cost)::bigint AS without_billed_cost,
       sum(without_effective_cost)::bigint AS without_effective_cost
  FROM {plain_summaries|%(from)s|%(to)s}
 GROUP BY month, provider, charge_category, billing_currency
 ORDER BY month, provider, charge_category, billing_currency
