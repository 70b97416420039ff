-- title = "Day by day: what each service, account or region costs"
-- answers = "On which day did spend change? A day without a row had no charge, or is not read: the note says which days lack something."
-- span = "30 days"
-- by = ["service", "account", "region", "provider", "charge_category", "configured_account"]
-- order = "day, the greatest cost first"
-- columns = ["day", "provider", "item", "billing_currency", "billed_cost", "effective_cost", "without_billed_cost", "without_effective_cost", "estimated"]
SELECT day, provider, item, billing_currency,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       sum(without_billed_cost)::bigint AS without_billed_cost,
       sum(without_effective_cost)::bigint AS without_effective_cost, bool_or(estimated) AS estimated
  FROM {summaries|%(from)s|%(to)s}
 GROUP BY day, provider, item, billing_currency
 ORDER BY day, sum(billed_cost) DESC NULLS LAST, provider, item, billing_currency
