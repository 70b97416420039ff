-- title = "What collecting costs: calls and dollars by month, service and API"
-- answers = "What do we pay the providers for asking? An unknown price stays unknown."
-- span = "1 months"
-- reads = []
-- slow = "adds up what every run of its days has used"
-- order = "month, the greatest cost first"
-- columns = ["month", "provider", "account", "service", "api", "runs", "calls", "throttles", "cost_usd"]
-- [meanings]
-- month = "month: First day of the month in which the runs started, in UTC."
-- api = "text: The API and its operation."
-- runs = "count: Runs that called it."
-- calls = "count: Calls made, throttled ones included."
-- throttles = "count: Calls that the provider answered with slow down."
-- cost_usd = "US dollars: By the list price of the calls; null: the price of some of them is not known, which is not zero."
SELECT date_trunc('month', day)::date AS month, provider, account, service, api, sum(runs)::bigint AS runs,
       sum(calls)::bigint AS calls, sum(throttles)::bigint AS throttles,
       CASE WHEN bool_and(cost_usd IS NOT NULL) THEN sum(cost_usd) END AS cost_usd
  FROM reporting.collection_cost
 WHERE day >= %(from)s AND day < %(to)s
   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR account = %(account)s::text)
 GROUP BY 1, 2, 3, 4, 5
 ORDER BY month, cost_usd DESC NULLS FIRST, calls DESC, provider, account, service, api
