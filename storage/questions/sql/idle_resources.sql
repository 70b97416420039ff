-- title = "Machines that do nothing, and what they cost"
-- answers = "Which machines can be switched off? Idle is whose processor and network stay below the thresholds on every day. Where too little is measured, the answer is refused in words, which is not the same as in use."
-- span = "14 days"
-- reads = ["bill", "metrics"]
-- order = "idle first, the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no resource"
-- columns = ["verdict", "provider", "account", "region", "service", "resource_id", "name", "type", "cpu_average", "network_bytes_per_second", "days_measured", "measured_percent", "billing_currency", "billed_cost", "reason"]
-- [meanings]
-- verdict = "text: idle or refused; what is in use has no row."
-- network_bytes_per_second = "bytes per second: In and out, of the busiest day; null where it is not measured."
-- account = "text: The provider's own id of the account, subscription or project."
-- billed_cost = "money: Of these days; null where the bill does not name the resource."
-- billing_currency = "ISO 4217: Amounts of two currencies have no sum; null where the bill does not name the resource."
-- [thresholds]
-- cpu_below = {default = 5, meaning = "percent: the average of every day is below (OptScale, OpenCost: 5)"}
-- network_below = {default = 1000, meaning = "bytes per second: in and out on every day are below (OptScale: 1000)"}
-- least_days = {default = 7, meaning = "days: with fewer that are measured it is refused (OptScale: 7)"}
-- least_measured = {default = 90, meaning = "percent: with fewer of the values that there should be it is refused"}
WITH cpu AS (
    SELECT *, round(100 * share::numeric, 2) AS measured_percent FROM {measured|'cpu_utilization'} AS m
),
flows AS (
    SELECT m.provider, m.resource_id, m.day, sum(m.sum / nullif(m.count * extract(epoch FROM m.period), 0)) AS rate,
           count(DISTINCT m.metric) AS ways
      FROM (SELECT * FROM {daily|'network_in'} AS i UNION ALL SELECT * FROM {daily|'network_out'} AS o) AS m
     WHERE m.statistic IN ('sum', 'total') AND m.unit = 'bytes'
     GROUP BY m.provider, m.resource_id, m.day
),
network AS (
    SELECT provider, resource_id, max(rate) AS rate, count(*) FILTER (WHERE ways = 2 AND rate IS NOT NULL) AS days
      FROM flows
     GROUP BY provider, resource_id
),
judged AS (
    SELECT c.*, round(n.rate::numeric, 2) AS network_bytes_per_second,
           CASE
               WHEN c.average >= %(cpu_below)s OR n.rate >= %(network_below)s THEN NULL
               WHEN c.days_measured < %(least_days)s
                   THEN format('the processor is measured on %%s days, and %%s are needed',
                               c.days_measured, %(least_days)s)
               WHEN c.measured_percent IS NULL THEN 'how many values there should be is not known'
               WHEN c.measured_percent < %(least_measured)s
                   THEN format('%%s %%%% of the values are there, and %%s %%%% are needed',
                               c.measured_percent, %(least_measured)s)
               WHEN c.average IS NULL THEN 'the average of a day is not known'
               WHEN n.rate IS NULL THEN 'the network is not measured, in bytes in and out'
               WHEN n.days < %(least_days)s
                   THEN format('the network is measured on %%s days, and %%s are needed', n.days, %(least_days)s)
               ELSE ''
           END AS refusal
      FROM cpu AS c
      LEFT JOIN network AS n ON (n.provider, n.resource_id) = (c.provider, c.resource_id)
)
SELECT CASE WHEN j.refusal = '' THEN 'idle' ELSE 'refused' END AS verdict,
       j.provider, j.account, j.region, j.service, j.resource_id, j.name, j.type,
       round(j.average::numeric, 2) AS cpu_average, j.network_bytes_per_second, j.days_measured, j.measured_percent,
       b.billing_currency, b.billed_cost,
       CASE WHEN j.refusal = ''
            THEN format('below %%s %%%% of the processor and %%s bytes a second on every day',
                        %(cpu_below)s, %(network_below)s)
            ELSE j.refusal END AS reason
  FROM judged AS j
  LEFT JOIN {billed_resources} AS b ON (b.provider, b.resource_id) = (j.provider, j.resource_id)
 WHERE j.refusal IS NOT NULL
 ORDER BY verdict, b.billed_cost DESC NULLS LAST, j.provider, j.account, j.region, j.service, j.resource_id,
          b.billing_currency
