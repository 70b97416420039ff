-- title = "What providers changed of a month after it was over"
-- answers = "Which closed months were restated, when, of which service and by how much? Of every bill that is read, also of one that another one counts for (sources)."
-- span = "13 months"
-- order = "month, day of the restatement"
-- columns = ["month", "provider", "account", "restated_on", "service_name", "billing_currency", "change", "effective_cost_change", "unknown_changes"]
-- [meanings]
-- month = "month: First day of the month that was changed, in UTC."
-- restated_on = "day: Day in UTC on which the new version became the bill."
-- change = "money: Of billed_cost, against the version before; null where none of them can be told."
-- effective_cost_change = "money: Of effective_cost; null where none of them can be told."
-- unknown_changes = "count: Changes of billed_cost that cannot be told, since one version does not tell the cost."
-- [thresholds]
-- closed_after = {default = 0, meaning = "days: a month is closed as many days after its end"}
SELECT date_trunc('month', h.window_start AT TIME ZONE 'UTC')::date AS month, h.provider, h.account,
       (h.known_from AT TIME ZONE 'UTC')::date AS restated_on, h.service_name, h.billing_currency,
       sum(h.billed_cost_change) AS change, sum(h.effective_cost_change) AS effective_cost_change,
       count(*) FILTER (WHERE h.billed_cost_change IS NULL) AS unknown_changes
  FROM reporting.cost_history_by_service AS h
 WHERE h.window_start >= (%(from)s)::date::timestamp AT TIME ZONE 'UTC'
   AND h.window_start < (%(to)s)::date::timestamp AT TIME ZONE 'UTC'
   AND h.version > 1
   AND h.known_from AT TIME ZONE 'UTC'
       >= date_trunc('month', h.window_start AT TIME ZONE 'UTC')
          + make_interval(months => 1, days => (%(closed_after)s)::integer)
   AND (%(provider)s::text IS NULL OR h.provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR h.account = %(account)s::text)
   AND (%(currency)s::text IS NULL OR h.billing_currency = %(currency)s::text)
 GROUP BY 1, 2, 3, 4, 5, 6
HAVING bool_or(h.billed_cost_change IS DISTINCT FROM 0 OR h.effective_cost_change IS DISTINCT FROM 0)
 ORDER BY 1, 4, 2, 3, 5, 6
