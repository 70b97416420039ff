-- title = "The resources that grew and fell most, beside as many days before"
-- answers = "Which single things moved the bill? Of bills that name resources."
-- span = "15 days"
-- order = "the greatest change first, whichever way"
-- slow = "reads every line of the bill of twice its days, since the summaries of days have no resource"
-- columns = ["provider", "service_name", "resource_id", "billing_currency", "billed_cost", "former_cost", "change", "change_percent"]
-- [meanings]
-- former_cost = "money: billed_cost of as many days before the first one; null where nothing was told of them."
-- [thresholds]
-- least_change = {default = 0, meaning = "money: what changed by less is left out"}
WITH told AS (
    SELECT provider, service_name, resource_id, billing_currency,
           sum(billed_cost) FILTER (WHERE day >= %(from)s) AS billed_cost,
           sum(billed_cost) FILTER (WHERE day < %(from)s) AS former_cost
      FROM {lines|{before}|%(to)s}
     WHERE resource_id <> ''
     GROUP BY provider, service_name, resource_id, billing_currency
)
SELECT provider, service_name, resource_id, billing_currency, billed_cost, former_cost,
       coalesce(billed_cost, 0) - coalesce(former_cost, 0) AS change,
       {percent_more|coalesce(billed_cost, 0)|former_cost} AS change_percent
  FROM told
 WHERE coalesce(billed_cost, former_cost) IS NOT NULL
   AND abs(coalesce(billed_cost, 0) - coalesce(former_cost, 0)) >= %(least_change)s
 ORDER BY abs(coalesce(billed_cost, 0) - coalesce(former_cost, 0)) DESC, provider, service_name, resource_id,
          billing_currency
