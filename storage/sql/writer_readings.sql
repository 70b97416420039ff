-- Points and rates. Rows come sorted by their key, so that two writers never wait for each other crosswise.

-- name: keep_partitions
-- As whoever writes has it in any case, and before he looks which there are: then none of them is dropped meanwhile.
LOCK TABLE ONLY finfleet.points, ONLY finfleet.cost_rates IN ROW EXCLUSIVE MODE

-- name: know_days
INSERT INTO finfleet.sealed_days (day)
SELECT day FROM unnest(%(days)s::date[]) AS n(day) ORDER BY day
    ON CONFLICT DO NOTHING

-- name: hold_days
-- Whoever seals a day has its row, and leaves it where he does not get it.
SELECT FROM finfleet.sealed_days WHERE day = ANY(%(days)s::date[]) ORDER BY day FOR SHARE

-- name: copy_points
COPY finfleet.points (series_id, start, value) FROM STDIN (FORMAT BINARY)

-- name: merge_points
INSERT INTO finfleet.points AS p (series_id, start, value)
SELECT *
  FROM unnest(%(series)b::int[], %(start)b::timestamptz[], %(value)b::float8[])
    ON CONFLICT (series_id, start) DO UPDATE
   SET value = excluded.value
 WHERE p.value IS DISTINCT FROM excluded.value

-- name: add_points
-- Of what is newer it is forgotten which points it had: none that is there, sealed or not, is changed.
INSERT INTO finfleet.points (series_id, start, value)
SELECT n.series_id, n.start, n.value
  FROM unnest(%(series)b::int[], %(start)b::timestamptz[], %(value)b::float8[]) AS n(series_id, start, value)
 WHERE NOT EXISTS (
           SELECT
             FROM finfleet.sealed_points AS d
            CROSS JOIN LATERAL unnest(d.values || d.more_values, d.seconds) WITH ORDINALITY AS u(value, at, place)
            WHERE d.series_id = n.series_id
              AND d.day = (n.start AT TIME ZONE 'UTC')::date
              AND u.value IS NOT NULL
              AND coalesce(u.at, d.first_second + (u.place - 1) * d.step_seconds)
                  = extract(epoch FROM n.start - (d.day::timestamp AT TIME ZONE 'UTC'))
       )
    ON CONFLICT (series_id, start) DO NOTHING

-- name: add_rates
-- The same of rates.
INSERT INTO finfleet.cost_rates (resource_id, start, period, amount, currency, basis, resource_type)
SELECT resource_id, start, period, amount, currency, basis, resource_type
  FROM unnest(
           %(resource_id)b::int[], %(start)b::timestamptz[], %(period)b::int[], %(amount)s::numeric[],
           %(currency)s::text[], %(basis)s::text[], %(resource_type)s::text[]
       ) AS n(resource_id, start, period, amount, currency, basis, resource_type)
 WHERE NOT EXISTS (
           SELECT
             FROM finfleet.rate_intervals AS i
            WHERE (i.resource_id, i.period) = (n.resource_id, n.period)
              AND i.phase = extract(epoch FROM n.start)::bigint %% n.period
              AND i.start <= n.start
              AND n.start < i.until
       )
    ON CONFLICT (resource_id, start, period) DO NOTHING

-- name: merge_rates
-- 1.0 and 1.00 are the same amount, and yet kept as they came.
INSERT INTO finfleet.cost_rates AS c (resource_id, start, period, amount, currency, basis, resource_type)
SELECT resource_id, start, period, amount, currency, basis, resource_type
  FROM unnest(
           %(resource_id)b::int[], %(start)b::timestamptz[], %(period)b::int[], %(amount)s::numeric[],
           %(currency)s::text[], %(basis)s::text[], %(resource_type)s::text[]
       ) AS n(resource_id, start, period, amount, currency, basis, resource_type)
    ON CONFLICT (resource_id, start, period) DO UPDATE
   SET amount = excluded.amount,
       currency = excluded.currency,
       basis = excluded.basis,
       resource_type = excluded.resource_type
 WHERE (c.amount, scale(c.amount), c.currency, c.basis, c.resource_type)
       IS DISTINCT FROM
       (excluded.amount, scale(excluded.amount), excluded.currency, excluded.basis, excluded.resource_type)
