-- title = "What each service costs in each region and account"
-- answers = "Which service of which account runs where, and what does it cost?"
-- span = "1 months"
-- order = "the greatest cost first"
-- columns = ["provider", "service_name", "region_id", "sub_account_id", "billing_currency", "billed_cost", "effective_cost", "without_billed_cost", "without_effective_cost"]
SELECT provider, service_name, region_id, sub_account_id, billing_currency,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       sum(without_billed_cost)::bigint AS without_billed_cost,
       sum(without_effective_cost)::bigint AS without_effective_cost
  FROM {plain_summaries|%(from)s|%(to)s}
 GROUP BY provider, service_name, region_id, sub_account_id, billing_currency
 ORDER BY sum(billed_cost) DESC NULLS LAST, provider, service_name, region_id, sub_account_id, billing_currency
