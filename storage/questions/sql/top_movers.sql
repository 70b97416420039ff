-- title = "What grew and fell most, beside as many days before"
-- answers = "Which services, accounts or regions moved the bill?"
-- span = "30 days"
-- by = ["service", "account", "region", "provider", "charge_category", "configured_account"]
-- order = "the greatest change first, whichever way"
-- columns = ["provider", "item", "billing_currency", "billed_cost", "former_cost", "change", "change_percent"]
-- [meanings]
-- former_cost = "money: billed_cost of as many days before the first one; null where nothing was told of them."
-- [thresholds]
-- least_change = {default = 0, meaning = "money: what changed by less is left out"}
WITH told AS (
    SELECT provider, item, billing_currency,
           sum(billed_cost) FILTER (WHERE day >= %(from)s) AS billed_cost,
           sum(billed_cost) FILTER (WHERE day < %(from)s) AS former_cost
      FROM {summaries|{before}|%(to)s}
     GROUP BY provider, item, billing_currency
)
SELECT provider, item, billing_currency, billed_cost, former_cost,
       coalesce(billed_cost, 0) - coalesce(former_cost, 0) AS change,
       {percent_more|coalesce(billed_cost, 0)|former_cost} AS change_percent
  FROM told
 WHERE coalesce(billed_cost, former_cost) IS NOT NULL
   AND abs(coalesce(billed_cost, 0) - coalesce(former_cost, 0)) >= %(least_change)s
 ORDER BY abs(coalesce(billed_cost, 0) - coalesce(former_cost, 0)) DESC, provider, item, billing_currency
