-- Allocation: the charges of a month by owner. What is made in between lies in temporary tables of the transaction.
-- What stands in braces is put there by storage/allocation/compiling.py.

-- name: tag_sets
-- Each set of tags of the month once: few, for all the lines that have them.
SELECT DISTINCT provider, tags
  FROM reporting.costs
 WHERE charge_period_start >= %(start)s AND charge_period_start < %(end)s AND tags <> '{}'
 UNION
SELECT DISTINCT provider, tags FROM reporting.resources WHERE %(resources)s AND tags <> '{}'

-- name: make_tags
CREATE TEMPORARY TABLE allocation_tags (provider text, tags jsonb, told text[]) ON COMMIT DROP

-- name: copy_tags
COPY allocation_tags (provider, tags, told) FROM STDIN

-- name: make_parts
-- The lines of the month, added up by all that the rules look at and all that is shown. By dimension: the first rule
-- that finds an owner, that owner, and who may share it.
CREATE TEMPORARY TABLE allocation_parts_0 ON COMMIT DROP AS
SELECT day, provider, account, sub_account_id, service_name, charge_category, billing_currency, tagged,
       rules, found, shared, '{{}}'::text[] AS owners, '{{}}'::text[] AS how, NULL::numeric AS coverage,
       false AS is_split,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost,
       array_remove(ARRAY[
           CASE WHEN count(*) > count(billed_cost) THEN 'billed_cost' END,
           CASE WHEN count(*) > count(effective_cost) THEN 'effective_cost' END,
           CASE WHEN count(*) > count(list_cost) THEN 'list_cost' END,
           CASE WHEN count(*) > count(contracted_cost) THEN 'contracted_cost' END
       ], NULL) AS untold
  FROM (
        SELECT (c.charge_period_start AT TIME ZONE 'UTC')::date AS day, c.provider, c.account, c.sub_account_id,
               c.service_name, c.charge_category, c.billing_currency, c.tags <> '{{}}' AS tagged,
               c.billed_cost, c.effective_cost, c.list_cost, c.contracted_cost,
               {rules} AS rules, {found} AS found, {shared} AS shared
          FROM reporting.costs AS c
          LEFT JOIN allocation_tags AS t ON t.provider = c.provider AND t.tags = c.tags
         WHERE c.charge_period_start >= {start} AND c.charge_period_start < {end}
       ) AS l
 GROUP BY day, provider, account, sub_account_id, service_name, charge_category, billing_currency, tagged,
          rules, found, shared

-- name: decide
-- Of one dimension: the owner of each part, how it was found, or by which number it is split.
CREATE TEMPORARY TABLE allocation_decided_{place} ON COMMIT DROP AS
SELECT p.*, row_number() OVER () AS number,
       CASE WHEN s.split IS NULL THEN CASE WHEN d.by IS NULL THEN p.found[{at}] ELSE d.owner END END AS owner,
       CASE
           WHEN s.split IS NOT NULL THEN NULL
           WHEN coalesce(d.by, p.rules[{at}]) IS NOT NULL THEN ({labels}::text[])[coalesce(d.by, p.rules[{at}]) + 1]
           WHEN p.tagged THEN {untagged}
           ELSE 'no rule takes it, and it has no tags'
       END AS said,
       s.split
  FROM allocation_parts_{place} AS p
 CROSS JOIN LATERAL (SELECT {by} AS by, {by_owner} AS owner) AS d
 CROSS JOIN LATERAL (
           SELECT CASE
                      WHEN p.shared[{at}] = ANY({first}::int[]) OR (d.by IS NULL AND p.rules[{at}] IS NULL)
                      THEN p.shared[{at}]
                  END AS split
       ) AS s

-- name: make_weights
CREATE TEMPORARY TABLE allocation_weights_{place} (
    split integer NOT NULL, currency text, owner text NOT NULL, weight numeric NOT NULL
) ON COMMIT DROP

-- name: weigh_named
INSERT INTO allocation_weights_{place}
SELECT {split}, NULL, owner, weight FROM unnest({owners}::text[], {weights}::numeric[]) AS n(owner, weight)

-- name: weigh_present
INSERT INTO allocation_weights_{place}
SELECT DISTINCT {split}, NULL, owner, 1 FROM allocation_decided_{place} WHERE owner IS NOT NULL

-- name: weigh_spend
-- By what they spend of their own in the currency of what is split. Whoever has got back more than that weighs nothing.
INSERT INTO allocation_weights_{place}
SELECT {split}, billing_currency, owner, sum({cost})
  FROM allocation_decided_{place}
 WHERE owner IS NOT NULL AND ({everybody} OR owner = ANY({owners}::text[]))
 GROUP BY billing_currency, owner
HAVING sum({cost}) > 0

-- name: is_untold
-- Whether some of their charges do not tell what they are weighed by.
SELECT EXISTS (SELECT FROM allocation_decided_{place} WHERE owner IS NOT NULL AND {cost} = ANY(untold))

-- name: weigh_metric
-- By what was measured of the resources of each: the total of what is a sum, and of anything else the value over time.
INSERT INTO allocation_weights_{place}
SELECT {split}, NULL, owner, sum(measured)
  FROM (
        SELECT ({found})[{at}] AS owner,
               CASE WHEN m.statistic IN ('sum', 'sample_count') THEN m.sum ELSE m.sum * extract(epoch FROM m.period) END
                   ::numeric AS measured
          FROM reporting.metric_daily AS m
          JOIN (
                SELECT provider, account, account AS sub_account_id, '' AS sub_account_name, region,
                       region AS region_id, service, resource_id, tags, '' AS service_name, '' AS charge_category
                  FROM reporting.resources
               ) AS c USING (provider, account, region, service, resource_id)
          LEFT JOIN allocation_tags AS t ON t.provider = c.provider AND t.tags = c.tags
         WHERE m.metric = {metric} AND m.statistic = {statistic} AND m.day >= {first_day} AND m.day < {next_month}
       ) AS v
 WHERE owner IS NOT NULL AND ({everybody} OR owner = ANY({owners}::text[]))
 GROUP BY owner
HAVING sum(measured) > 0

-- name: metric_coverage
-- How much of the month is there of the metric, in percent: of the windows of the targets that collect it, and of the
-- days of what is pushed. Null where there is nothing of it at all.
WITH measured AS MATERIALIZED (
    SELECT DISTINCT provider, region, service, source, day
      FROM reporting.metric_daily
     WHERE metric = %(metric)s AND statistic = %(statistic)s AND day >= %(first_day)s AND day < %(until)s
)
SELECT least(
           (
               SELECT 100.0 * sum(c.complete + c.empty - least(c.partial, c.complete + c.empty)) / sum(c.planned)
                 FROM reporting.coverage AS c
                WHERE c.day >= %(first_day)s
                  AND c.day < %(until)s
                  AND (c.provider, c.region, c.service)
                          IN (SELECT provider, region, service FROM measured WHERE source = '')
           ),
           (
               SELECT 100.0 * min(p.days) / (%(until)s::date - %(first_day)s::date)
                 FROM (
                       SELECT count(DISTINCT day) AS days
                         FROM measured
                        WHERE source <> ''
                        GROUP BY provider, source, service, region
                      ) AS p
           )
       )

-- name: split
-- In whole numbers of the smallest unit: 12 digits behind the point, or as many as the amount has. Each share is rounded
-- down, and what is left over goes, a unit each, to those who lost most by that. So the parts are the whole.
CREATE TEMPORARY TABLE allocation_parts_{then} ON COMMIT DROP AS
WITH weighed AS MATERIALIZED (
    SELECT d.number, w.owner, w.weight, sum(w.weight) OVER (PARTITION BY d.number) AS whole
      FROM allocation_decided_{place} AS d
      JOIN allocation_weights_{place} AS w
        ON w.split = d.split AND (w.currency = d.billing_currency OR w.currency IS NULL)
     WHERE d.split IS NOT NULL
),
counted AS (
    SELECT d.number, c.cost, sign(c.amount) AS sign, u.unit, w.owner, w.weight, w.whole,
           abs(c.amount) * u.units AS units, div(abs(c.amount) * u.units * w.weight, w.whole) AS share
      FROM allocation_decided_{place} AS d
      JOIN weighed AS w USING (number)
     CROSS JOIN LATERAL (
               VALUES ('billed_cost', d.billed_cost), ('effective_cost', d.effective_cost),
                      ('list_cost', d.list_cost), ('contracted_cost', d.contracted_cost)
           ) AS c(cost, amount)
     CROSS JOIN LATERAL (
               SELECT ('1e' || n.digits)::numeric AS units, ('1e-' || n.digits)::numeric AS unit
                 FROM (SELECT greatest(12, min_scale(c.amount)) AS digits) AS n
           ) AS u
     WHERE c.amount IS NOT NULL
),
ranked AS (
    SELECT number, cost, owner, sign, unit, share, units - sum(share) OVER (PARTITION BY number, cost) AS short,
           row_number() OVER (
               PARTITION BY number, cost ORDER BY units * weight - share * whole DESC, owner COLLATE "C"
           ) AS place
      FROM counted
),
split AS (
    SELECT number, owner,
           max(part) FILTER (WHERE cost = 'billed_cost') AS billed_cost,
           max(part) FILTER (WHERE cost = 'effective_cost') AS effective_cost,
           max(part) FILTER (WHERE cost = 'list_cost') AS list_cost,
           max(part) FILTER (WHERE cost = 'contracted_cost') AS contracted_cost
      FROM (
            SELECT number, cost, owner, sign * (share + CASE WHEN place <= short THEN 1 ELSE 0 END) * unit AS part
              FROM ranked
           ) AS r
     GROUP BY number, owner
)
SELECT d.day, d.provider, d.account, d.sub_account_id, d.service_name, d.charge_category, d.billing_currency, d.tagged,
       d.rules, d.found, d.shared, d.owners || d.owner AS owners, d.how || coalesce(d.said, r.why) AS how, d.coverage,
       d.is_split, d.billed_cost, d.effective_cost, d.list_cost, d.contracted_cost, d.untold
  FROM allocation_decided_{place} AS d
  LEFT JOIN unnest({splits}::int[], {whys}::text[]) AS r(split, why) ON r.split = d.split
 WHERE d.split IS NULL OR NOT EXISTS (SELECT FROM weighed AS w WHERE w.number = d.number)
 UNION ALL
SELECT d.day, d.provider, d.account, d.sub_account_id, d.service_name, d.charge_category, d.billing_currency, d.tagged,
       d.rules, d.found, d.shared, d.owners || w.owner, d.how || r.said, least(d.coverage, r.coverage),
       true, s.billed_cost, s.effective_cost, s.list_cost, s.contracted_cost, d.untold
  FROM allocation_decided_{place} AS d
  JOIN weighed AS w USING (number)
  JOIN unnest({splits}::int[], {saids}::text[], {coverages}::numeric[]) AS r(split, said, coverage) ON r.split = d.split
  LEFT JOIN split AS s ON s.number = d.number AND s.owner = w.owner

-- name: read_weights
SELECT split, currency, owner, weight FROM allocation_weights_{place} ORDER BY 1, 2, 3

-- name: forget
DELETE FROM finfleet.allocations WHERE month = %(month)s

-- name: forget_owners
DELETE FROM finfleet.allocation_owners WHERE month = %(month)s

-- name: store
WITH added AS MATERIALIZED (
    SELECT dense_rank() OVER (ORDER BY owners, how, is_split, coverage)::int AS owner, *
      FROM (
            SELECT day, owners, how, is_split, coverage, provider, account, sub_account_id, service_name,
                   charge_category, billing_currency, sum(billed_cost) AS billed_cost,
                   sum(effective_cost) AS effective_cost, sum(list_cost) AS list_cost,
                   sum(contracted_cost) AS contracted_cost, untold
              FROM allocation_parts_{place}
             GROUP BY day, owners, how, is_split, coverage, provider, account, sub_account_id, service_name,
                      charge_category, billing_currency, untold
           ) AS p
),
named AS (
    INSERT INTO finfleet.allocation_owners (month, owner, owners, how, shared, weight_coverage)
    SELECT DISTINCT {month}::date, owner, jsonb_strip_nulls(jsonb_object({dimensions}::text[], owners)),
           jsonb_object({dimensions}::text[], how), is_split, coverage
      FROM added
)
INSERT INTO finfleet.allocations (month, number, day, owner, provider, account, sub_account_id, service_name,
                                  charge_category, billing_currency, billed_cost, effective_cost, list_cost,
                                  contracted_cost, untold)
SELECT {month}::date,
       row_number() OVER (
           ORDER BY day, owner, provider, account, sub_account_id, service_name, charge_category, billing_currency, untold
       ),
       day, owner, provider, account, sub_account_id, service_name, charge_category, billing_currency, billed_cost,
       effective_cost, list_cost, contracted_cost, untold
  FROM added

-- name: check
-- The parts against the bill, by currency: no row.
SELECT billing_currency, b.billed_cost, b.effective_cost, b.list_cost, b.contracted_cost,
       a.billed_cost, a.effective_cost, a.list_cost, a.contracted_cost
  FROM (
        SELECT billing_currency, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
               sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost
          FROM allocation_parts_0
         GROUP BY billing_currency
       ) AS b
  FULL JOIN (
        SELECT billing_currency, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
               sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost
          FROM finfleet.allocations
         WHERE month = %(month)s
         GROUP BY billing_currency
       ) AS a USING (billing_currency)
 WHERE (b.billed_cost, b.effective_cost, b.list_cost, b.contracted_cost)
           IS DISTINCT FROM (a.billed_cost, a.effective_cost, a.list_cost, a.contracted_cost)

-- name: note_run
INSERT INTO finfleet.allocation_runs (month, number, rules_hash, allocated_at, allocated_by, bills, windows,
                                      windows_missing, weights)
SELECT %(month)s, coalesce(max(number), 0) + 1, %(rules)s, %(now)s, %(by)s, %(bills)s, %(windows)s, %(missing)s,
       %(weights)s
  FROM finfleet.allocation_runs
 WHERE month = %(month)s

-- name: caught
-- What each rule of a dimension catches of the month, of a trial.
SELECT p.how[{at}], p.owners[{at}] IS NOT NULL, p.billing_currency, sum(p.billed_cost)
  FROM allocation_parts_{place} AS p
 GROUP BY 1, 2, 3
 ORDER BY 2 DESC, 1, 3
