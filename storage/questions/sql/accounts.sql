-- title = "Accounts, subscriptions and projects: names, days with charges, what they cost"
-- answers = "Whose costs are on the bill, and since when?"
-- span = "13 months"
-- order = "the greatest cost first"
-- columns = ["provider", "account", "sub_account_id", "billing_currency", "billed_cost", "effective_cost", "first_day", "last_day", "days_with_charges", "services"]
-- [meanings]
-- first_day = "day: The first day of those asked for with a charge, in UTC."
-- last_day = "day: The last one."
-- days_with_charges = "count: Days with a charge."
-- services = "count: Different services."
SELECT provider, account, sub_account_id, billing_currency, sum(billed_cost) AS billed_cost,
       sum(effective_cost) AS effective_cost, min(day) AS first_day, max(day) AS last_day,
       count(DISTINCT day) AS days_with_charges, count(DISTINCT service_name) AS services
  FROM {plain_summaries|%(from)s|%(to)s}
 GROUP BY provider, account, sub_account_id, billing_currency
 ORDER BY sum(billed_cost) DESC NULLS LAST, provider, account, sub_account_id, billing_currency
