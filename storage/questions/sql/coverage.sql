-- title = "How completely everything is collected, by service"
-- answers = "Which services lack windows? Of every service, metrics and resources too."
-- span = "7 days"
-- reads = []
-- order = "the least covered first"
-- columns = ["provider", "account", "service", "planned", "complete", "empty", "denied", "failed", "waiting", "partial", "covered_percent"]
-- [meanings]
-- planned = "count: Windows in the ledger: the sum of complete, empty, denied, failed and waiting."
-- complete = "count: Of which every record of one collection is stored."
-- empty = "count: For which the provider answered that there is nothing."
-- denied = "count: That a missing permission kept from being collected."
-- failed = "count: That were given up."
-- waiting = "count: That are due."
-- partial = "count: Of the complete and empty ones, those that lack something."
-- covered_percent = "percent: complete and empty of planned, rounded down."
SELECT provider, account, service, sum(planned)::bigint AS planned, sum(complete)::bigint AS complete,
       sum(empty)::bigint AS empty, sum(denied)::bigint AS denied, sum(failed)::bigint AS failed,
       sum(waiting)::bigint AS waiting, sum(partial)::bigint AS partial,
       trunc(100.0 * (sum(complete) + sum(empty)) / sum(planned), 2) AS covered_percent
  FROM reporting.coverage
 WHERE day >= %(from)s AND day < %(to)s
   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR account = %(account)s::text)
 GROUP BY provider, account, service
 ORDER BY covered_percent, provider, account, service
