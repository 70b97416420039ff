-- title = "What a stored gigabyte costs, by bucket and account of storage"
-- answers = "Which storage is dear for what it holds? The bill of each resource, joined with the bytes that were collected of it: of bills that name resources."
-- span = "30 days"
-- reads = ["bill", "metrics"]
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no resource"
-- columns = ["provider", "service", "resource_id", "resource_name", "billing_currency", "effective_cost", "gigabyte_days", "days_measured", "unit_cost", "without_effective_cost"]
-- [meanings]
-- effective_cost = "money: Of its usage on days that are measured; null where the bill names no such resource."
-- gigabyte_days = "10^9 bytes for a day: Sum over the days of the bytes that were held, as the average of the day tells."
-- unit_cost = "money: effective_cost of a gigabyte for 30 days, to 10 decimals; null where the bill names no such resource, or some lines do not tell."
-- without_effective_cost = "count: Lines of it that do not tell effective_cost; null where the bill names no such resource."
-- billing_currency = "ISO 4217: Amounts of two currencies have no sum; null where the bill names no such resource."
WITH held AS (
    SELECT m.provider, m.service, m.resource_id, m.day, min(m.name) AS name,
           max(m.average)::numeric / 1000000000 AS gigabytes
      FROM (SELECT * FROM {daily|'size_bytes'} AS s UNION ALL SELECT * FROM {daily|'used_capacity'} AS u) AS m
     WHERE m.average IS NOT NULL
     GROUP BY m.provider, m.service, m.resource_id, m.day
),
sizes AS (
    SELECT provider, service, resource_id, min(name) AS name, sum(gigabytes) AS gigabyte_days,
           count(*)::integer AS days_measured
      FROM held
     GROUP BY provider, service, resource_id
),
billed AS (
    SELECT l.provider, k.resource_id, l.billing_currency, sum(l.effective_cost) AS effective_cost,
           coalesce(sum(l.lines) FILTER (WHERE l.effective_cost IS NULL), 0)::bigint AS without_effective_cost
      FROM {lines|%(from)s|%(to)s} AS l
      JOIN {resource_keys} AS k ON k.provider = l.provider AND k.key = lower(l.resource_id)
      JOIN held AS h ON (h.provider, h.resource_id, h.day) = (k.provider, k.resource_id, l.day)
     WHERE l.charge_category = 'Usage'
     GROUP BY l.provider, k.resource_id, l.billing_currency
)
SELECT s.provider, s.service, s.resource_id, nullif(s.name, '') AS resource_name, b.billing_currency,
       b.effective_cost, s.gigabyte_days, s.days_measured,
       CASE WHEN b.without_effective_cost = 0
            THEN round(30 * b.effective_cost / nullif(s.gigabyte_days, 0), 10) END AS unit_cost,
       b.without_effective_cost
  FROM sizes AS s
  LEFT JOIN billed AS b ON (b.provider, b.resource_id) = (s.provider, s.resource_id)
 ORDER BY b.effective_cost DESC NULLS LAST, s.provider, s.service, s.resource_id, b.billing_currency
