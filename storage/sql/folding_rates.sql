-- Rates into intervals. {partition} is a day of cost_rates.

-- name: partitions
SELECT c.relname
  FROM pg_catalog.pg_inherits AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'finfleet.cost_rates'::regclass
 ORDER BY c.relname

-- name: take
-- Some rates out of a day, resource by resource: what holds without a break is one row. A rate that somebody writes at
-- this moment is left to the next time.
WITH chosen AS MATERIALIZED (
    SELECT resource_id, start, period
      FROM {partition}
     WHERE start < %(before)s
     ORDER BY resource_id, start, period
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
),
taken AS MATERIALIZED (
    DELETE FROM {partition} AS c
     USING chosen
     WHERE c.resource_id = chosen.resource_id AND c.start = chosen.start AND c.period = chosen.period
    RETURNING c.*
),
noted AS (
    INSERT INTO finfleet.rate_starts (start, period, phase, month)
    SELECT DISTINCT start, period, extract(epoch FROM start)::bigint %% period, date_trunc('month', start, 'UTC')::date
      FROM taken
        ON CONFLICT DO NOTHING
),
marked AS (
    SELECT *,
           (start, amount, scale(amount), currency, basis, resource_type) IS DISTINCT FROM
           (lag(start) OVER own + make_interval(secs => period), lag(amount) OVER own, lag(scale(amount)) OVER own,
            lag(currency) OVER own, lag(basis) OVER own, lag(resource_type) OVER own) AS begins
      FROM (SELECT *, (extract(epoch FROM start)::bigint %% period)::int AS phase FROM taken) AS t
    WINDOW own AS (PARTITION BY resource_id, period, phase ORDER BY start)
),
grouped AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_id, period, phase ORDER BY start) AS piece
      FROM marked
)
SELECT resource_id, period, phase, date_trunc('month', min(start), 'UTC')::date,
       min(start), max(start) + make_interval(secs => period),
       amount, currency, basis, resource_type, count(*)
  FROM grouped
 GROUP BY resource_id, period, phase, piece, amount, currency, basis, resource_type
 ORDER BY resource_id, period, phase, min(start)

-- name: touched
-- Intervals that these cover or touch.
SELECT i.resource_id, i.period, i.phase, i.month, i.start, i.until, i.amount, i.currency, i.basis, i.resource_type
  FROM unnest(
           %(resource_id)s::int[], %(period)s::int[], %(phase)s::int[], %(month)s::date[], %(start)s::timestamptz[],
           %(until)s::timestamptz[]
       ) AS n(resource_id, period, phase, month, start, until)
 CROSS JOIN LATERAL (
           SELECT *
             FROM finfleet.rate_intervals AS i
            WHERE i.resource_id = n.resource_id
              AND i.period = n.period
              AND i.phase = n.phase
              AND i.month = n.month
              AND i.start <= n.until
              AND i.until >= n.start
           OFFSET 0
       ) AS i
 ORDER BY i.resource_id, i.period, i.phase, i.start

-- name: delete
DELETE FROM finfleet.rate_intervals AS i
 USING unnest(%(resource_id)s::int[], %(period)s::int[], %(start)s::timestamptz[]) AS n(resource_id, period, start)
 WHERE i.resource_id = n.resource_id AND i.period = n.period AND i.start = n.start

-- name: insert
INSERT INTO finfleet.rate_intervals (
    resource_id, period, phase, month, start, until, amount, currency, basis, resource_type
)
SELECT *
  FROM unnest(
           %(resource_id)s::int[], %(period)s::int[], %(phase)s::int[], %(month)s::date[], %(start)s::timestamptz[],
           %(until)s::timestamptz[], %(amount)s::numeric[], %(currency)s::text[], %(basis)s::text[],
           %(resource_type)s::text[]
       )

-- name: lock_empty
-- The table before its partition, as whoever reads it does.
LOCK TABLE ONLY finfleet.cost_rates, ONLY {partition} IN ACCESS EXCLUSIVE MODE

-- name: is_empty
SELECT NOT EXISTS (SELECT FROM {partition})

-- name: drop
DROP TABLE {partition}

-- name: forget
DELETE FROM finfleet.rate_intervals
 WHERE (resource_id, period, start) IN (
           SELECT resource_id, period, start FROM finfleet.rate_intervals WHERE until <= %(before)s LIMIT %(limit)s
       )

-- name: forget_starts
DELETE FROM finfleet.rate_starts
 WHERE (start, period) IN (SELECT start, period FROM finfleet.rate_starts WHERE start < %(before)s LIMIT %(limit)s)
