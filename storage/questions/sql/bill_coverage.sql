-- title = "How complete the bill is, by month and source"
-- answers = "Is everything there? Of each target that brings a bill, the days that it owes, and those that are complete."
-- span = "3 months"
-- reads = []
-- order = "month, target"
-- columns = ["month", "target", "provider", "account", "days", "complete_days", "complete_percent", "lacking", "counts"]
-- [meanings]
-- days = "count: Days of the month that it owes, up to now."
-- complete_days = "count: Of these, days that are read whole, or of which the provider says that there is nothing."
-- complete_percent = "percent: complete_days of days, rounded down."
-- lacking = "text: How many days are in which other state."
-- counts = "yes or no: Whether anything of it ever counted: where not, other targets tell of all that it does."
SELECT month, target, provider, account, days, complete_days,
       trunc(100.0 * complete_days / days, 2) AS complete_percent, lacking, counts
  FROM (
        SELECT b.month, b.target, b.provider, b.account, sum(b.days)::bigint AS days,
               coalesce(sum(b.days) FILTER (WHERE b.is_complete), 0)::bigint AS complete_days,
               coalesce(string_agg(format('%%s: %%s', b.state, b.days), ', ' ORDER BY b.state)
                        FILTER (WHERE NOT b.is_complete), '') AS lacking,
               bool_or(b.counts) AS counts
          FROM (
                SELECT date_trunc('month', day)::date AS month, target, provider, account, state, is_complete,
                       counts, count(*) AS days
                  FROM reporting.bill_days
                 WHERE day >= %(from)s AND day < %(to)s
                   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
                   AND (%(account)s::text IS NULL OR account = %(account)s::text)
                 GROUP BY 1, 2, 3, 4, 5, 6, 7
               ) AS b
         GROUP BY b.month, b.target, b.provider, b.account
       ) AS m
 ORDER BY month, target
