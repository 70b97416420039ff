-- title = "Machines that are larger than what they do, and what they cost"
-- answers = "Which machines could be smaller? Oversized is whose processor, and memory where it is measured, stay below the thresholds at every moment. Where too little is measured, the answer is refused in words."
-- span = "14 days"
-- reads = ["bill", "metrics"]
-- order = "oversized first, the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no resource"
-- columns = ["verdict", "provider", "account", "region", "service", "resource_id", "name", "type", "cpu_maximum", "memory_maximum", "days_measured", "measured_percent", "billing_currency", "billed_cost", "reason"]
-- [meanings]
-- verdict = "text: oversized or refused; what is of the right size has no row."
-- memory_maximum = "percent: The greatest single value of memory_utilization; null where it is not measured."
-- account = "text: The provider's own id of the account, subscription or project."
-- billed_cost = "money: Of these days; null where the bill does not name the resource."
-- billing_currency = "ISO 4217: Amounts of two currencies have no sum; null where the bill does not name the resource."
-- [thresholds]
-- cpu_below = {default = 30, meaning = "percent: every value is below (Azure's optimization engine: 30, OpenCost: 30)"}
-- memory_below = {default = 50, meaning = "percent: every value is below, where it is measured (Azure's optimization engine: 50)"}
-- least_days = {default = 3, meaning = "days: with fewer that are measured it is refused (OptScale: 3)"}
-- least_measured = {default = 90, meaning = "percent: with fewer of the values that there should be it is refused"}
WITH cpu AS (
    SELECT *, round(100 * share::numeric, 2) AS measured_percent FROM {measured|'cpu_utilization'} AS m
),
memory AS (
    SELECT provider, resource_id, max(maximum) AS maximum
      FROM {daily|'memory_utilization'} AS m
     GROUP BY provider, resource_id
),
judged AS (
    SELECT c.*, m.maximum AS memory,
           CASE
               WHEN c.maximum >= %(cpu_below)s OR m.maximum >= %(memory_below)s THEN NULL
               WHEN c.days_measured < %(least_days)s
                   THEN format('the processor is measured on %%s days, and %%s are needed',
                               c.days_measured, %(least_days)s)
               WHEN c.measured_percent IS NULL THEN 'how many values there should be is not known'
               WHEN c.measured_percent < %(least_measured)s
                   THEN format('%%s %%%% of the values are there, and %%s %%%% are needed',
                               c.measured_percent, %(least_measured)s)
               ELSE ''
           END AS refusal
      FROM cpu AS c
      LEFT JOIN memory AS m ON (m.provider, m.resource_id) = (c.provider, c.resource_id)
)
SELECT CASE WHEN j.refusal = '' THEN 'oversized' ELSE 'refused' END AS verdict,
       j.provider, j.account, j.region, j.service, j.resource_id, j.name, j.type,
       round(j.maximum::numeric, 2) AS cpu_maximum, round(j.memory::numeric, 2) AS memory_maximum, j.days_measured,
       j.measured_percent, b.billing_currency, b.billed_cost,
       CASE
           WHEN j.refusal <> '' THEN j.refusal
           WHEN j.memory IS NULL
               THEN format('never above %%s %%%% of the processor; its memory is not measured', %(cpu_below)s)
           ELSE format('never above %%s %%%% of the processor and %%s %%%% of memory', %(cpu_below)s, %(memory_below)s)
       END AS reason
  FROM judged AS j
  LEFT JOIN {billed_resources} AS b ON (b.provider, b.resource_id) = (j.provider, j.resource_id)
 WHERE j.refusal IS NOT NULL
 ORDER BY verdict, b.billed_cost DESC NULLS LAST, j.provider, j.account, j.region, j.service, j.resource_id,
          b.billing_currency
