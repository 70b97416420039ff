-- title = "Resources that are new on the bill, or gone from it"
-- answers = "Which single things have charges now and had none in as many days before, and the other way round? Of bills that name resources."
-- span = "15 days"
-- order = "new first, the greatest cost first"
-- slow = "reads every line of the bill of twice its days, since the summaries of days have no resource"
-- columns = ["what", "provider", "service_name", "resource_id", "billing_currency", "billed_cost", "former_cost", "first_day", "last_day"]
-- [meanings]
-- what = "text: new or gone."
-- billed_cost = "money: Of what is new, since the first day; null of what is gone."
-- former_cost = "money: Of what is gone, in as many days before; null of what is new."
-- first_day = "day: The first day with a charge, in UTC, of all the days that were looked at."
-- last_day = "day: The last one."
WITH told AS (
    SELECT provider, service_name, resource_id, billing_currency,
           bool_or(day >= %(from)s) AS now, bool_or(day < %(from)s) AS formerly,
           sum(billed_cost) AS cost, min(day) AS first_day, max(day) AS last_day
      FROM {lines|{before}|%(to)s}
     WHERE resource_id <> ''
     GROUP BY provider, service_name, resource_id, billing_currency
)
SELECT CASE WHEN now THEN 'new' ELSE 'gone' END AS what, provider, service_name, resource_id, billing_currency,
       CASE WHEN now THEN cost END AS billed_cost, CASE WHEN formerly THEN cost END AS former_cost, first_day, last_day
  FROM told
 WHERE now <> formerly
 ORDER BY what DESC, cost DESC NULLS LAST, provider, service_name, resource_id, billing_currency
