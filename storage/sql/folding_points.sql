-- Sealing: points of closed hours become a row for each series and day, with hourly and daily rollups.

-- name: know_day
-- Looked for first: to insert a row that somebody has changed waits for his transaction.
INSERT INTO finfleet.sealed_days (day)
SELECT %(day)s::date
 WHERE NOT EXISTS (SELECT FROM finfleet.sealed_days WHERE day = %(day)s)
    ON CONFLICT DO NOTHING

-- name: take_day
-- Who has the row seals the day; another process seals another day meanwhile.
SELECT next_series, swept_at
  FROM finfleet.sealed_days
 WHERE day = %(day)s
   FOR UPDATE SKIP LOCKED

-- name: has_points
SELECT EXISTS (SELECT FROM ONLY {partition})

-- name: next_series
-- The next series that the day has points of before %(until)s, as many as are expected to have that many points. The
-- index is asked for one series after the other: to read all of the day for each few of them would take the square of
-- its time.
WITH RECURSIVE found (series_id, points, is_due) AS (
    (
        SELECT p.series_id, d.points, d.points > 0
          FROM ONLY {partition} AS p
          LEFT JOIN finfleet.series AS s USING (series_id)
         CROSS JOIN LATERAL {folded.points_due} AS d
         WHERE p.series_id >= %(next_series)s
         ORDER BY p.series_id, p.start
         LIMIT 1
    )
    UNION ALL
    SELECT n.series_id, f.points + n.points, n.points > 0
      FROM found AS f
     CROSS JOIN LATERAL (
               SELECT p.series_id, d.points
                 FROM ONLY {partition} AS p
                 LEFT JOIN finfleet.series AS s USING (series_id)
                CROSS JOIN LATERAL {folded.points_due} AS d
                WHERE p.series_id > f.series_id
                ORDER BY p.series_id, p.start
                LIMIT 1
           ) AS n
     WHERE f.points < %(points)s
)
SELECT series_id FROM found WHERE is_due

-- name: seal
-- One statement moves the points of some series: what it deletes is what it writes down, so whatever is written at the
-- same time stays where it is and counts, and comes at the next sealing. What was sealed before is merged with it.
--
-- Where rollups are there and the points that they were made of are not, these were forgotten. Rollups of the few that
-- came late would be of these alone: the late ones are forgotten as well.
--
-- Sums are in the order of the starts, so that they come out the same wherever they are made. Where a value is beyond
-- 1e300 the sum might be beyond what a number can be, which Postgres refuses: it is null.
WITH due AS MATERIALIZED (
    SELECT series_id FROM unnest(%(series)s::int[]) AS d(series_id)
), moved AS (
    DELETE FROM ONLY {partition} AS p
     USING due
     WHERE p.series_id = due.series_id
       AND p.start < %(until)s
    RETURNING p.series_id, extract(epoch FROM p.start)::bigint %% 86400 AS at, p.value
), former AS MATERIALIZED (
    SELECT * FROM finfleet.sealed_points WHERE day = %(day)s AND series_id = ANY(%(series)s::int[])
), forgotten AS MATERIALIZED (
    SELECT series_id FROM finfleet.points_daily WHERE day = %(day)s AND series_id = ANY(%(series)s::int[])
    UNION
    SELECT series_id FROM finfleet.points_hourly WHERE day = %(day)s AND series_id = ANY(%(series)s::int[])
    EXCEPT
    SELECT series_id FROM former
), merged AS MATERIALIZED (
    SELECT series_id, at, value, at - lag(at) OVER (PARTITION BY series_id ORDER BY at) AS step
      FROM (
               SELECT series_id, at::int, value FROM moved
               UNION ALL
               SELECT f.series_id, coalesce(u.at, f.first_second + (u.place - 1)::int * f.step_seconds), u.value
                 FROM former AS f
                CROSS JOIN LATERAL unnest(f.values || f.more_values, f.seconds) WITH ORDINALITY AS u(value, at, place)
                WHERE u.value IS NOT NULL
                  AND NOT EXISTS (
                          SELECT
                            FROM moved AS m
                           WHERE m.series_id = f.series_id
                             AND m.at = coalesce(u.at, f.first_second + (u.place - 1)::int * f.step_seconds)
                      )
           ) AS either_place
     WHERE series_id NOT IN (SELECT series_id FROM forgotten)
     ORDER BY series_id, at
), whole AS MATERIALIZED (
    SELECT series_id, count(*)::int AS count, min(at) AS first_second, max(at) AS last_second,
           coalesce(min(step), 1) AS step, coalesce(min(step) = max(step), true) AS even,
           array_agg(at ORDER BY at) AS seconds, array_agg(value ORDER BY at) AS values,
           CASE WHEN max(abs(value)) <= 1e300 THEN sum(value ORDER BY at) FILTER (WHERE abs(value) <= 1e300) END AS sum,
           min(value) AS minimum, max(value) AS maximum
      FROM merged
     GROUP BY series_id
), stepped AS MATERIALIZED (
    -- Where only some places of a step are empty, they are null: less than a second for each value.
    SELECT *,
           even OR (
               (last_second - first_second) / step < 2 * count
               AND NOT EXISTS (SELECT FROM unnest(seconds) AS u(at) WHERE (u.at - first_second) %% step <> 0)
           ) AS has_step
      FROM whole
), placed AS MATERIALIZED (
    SELECT series_id, first_second,
           CASE WHEN has_step THEN step END AS step_seconds,
           CASE WHEN NOT has_step THEN seconds END AS seconds,
           CASE
               WHEN has_step AND NOT even THEN (
                   SELECT array_agg(u.value ORDER BY g.at)
                     FROM generate_series(first_second, last_second, step) AS g(at)
                     LEFT JOIN unnest(seconds, values) AS u(at, value) USING (at)
               )
               ELSE values
           END AS values,
           -- TOAST cuts pieces of 1996 bytes; the first has 20 of the array's head, and nulls take a bit for each place.
           CASE WHEN has_step AND NOT even THEN 1964 ELSE 1996 END AS piece,
           -- Whether Postgres finds nothing to compress, which is three bytes that are there twice.
           count > 247 AND (
               SELECT count(DISTINCT substr(float8send(u.value), 4, 3)) >= 0.95 * count(*)
                 FROM unnest(values[1:64]) AS u(value)
           ) AS random
      FROM stepped
), cut AS MATERIALIZED (
    -- After the last place of a whole number of pieces.
    SELECT *,
           CASE
               WHEN random THEN ((cardinality(values) * 8 + 20) / piece * piece - 20) / 8
               ELSE cardinality(values)
           END AS place
      FROM placed
), sealed AS (
    INSERT INTO finfleet.sealed_points AS s
           (series_id, day, first_second, step_seconds, seconds, values, more_values)
    SELECT series_id, %(day)s, first_second, step_seconds, seconds, values[:place], nullif(values[place + 1:], '{{}}')
      FROM cut
     ORDER BY series_id
        ON CONFLICT (series_id, day) DO UPDATE
       SET first_second = excluded.first_second,
           step_seconds = excluded.step_seconds,
           seconds = excluded.seconds,
           values = excluded.values,
           more_values = excluded.more_values
), hours AS (
    SELECT series_id, at / 3600 AS hour, count(*)::smallint AS count,
           CASE WHEN max(abs(value)) <= 1e300 THEN sum(value ORDER BY at) FILTER (WHERE abs(value) <= 1e300) END AS sum,
           min(value) AS minimum, max(value) AS maximum, (array_agg(value ORDER BY at DESC))[1] AS last
      FROM merged
     GROUP BY series_id, at / 3600
), hourly AS (
    INSERT INTO finfleet.points_hourly (series_id, day, counts, sums, minimums, maximums, lasts)
    SELECT w.series_id, %(day)s, array_agg(h.count ORDER BY g.hour),
           array_agg(h.sum ORDER BY g.hour),
           array_agg(h.minimum ORDER BY g.hour), array_agg(h.maximum ORDER BY g.hour),
           array_agg(h.last ORDER BY g.hour)
      FROM whole AS w
     CROSS JOIN generate_series(0, 23) AS g(hour)
      LEFT JOIN hours AS h USING (series_id, hour)
     GROUP BY w.series_id
     ORDER BY w.series_id
        ON CONFLICT (series_id, day) DO UPDATE
       SET counts = excluded.counts,
           sums = excluded.sums,
           minimums = excluded.minimums,
           maximums = excluded.maximums,
           lasts = excluded.lasts
), daily AS (
    INSERT INTO finfleet.points_daily (series_id, day, count, sum, minimum, maximum, last)
    SELECT series_id, %(day)s, count, sum, minimum, maximum, values[count]
      FROM whole
     ORDER BY series_id
        ON CONFLICT (series_id, day) DO UPDATE
       SET count = excluded.count,
           sum = excluded.sum,
           minimum = excluded.minimum,
           maximum = excluded.maximum,
           last = excluded.last
)
SELECT count(*), (SELECT count(*) FROM forgotten) FROM moved

-- name: sealed_to
UPDATE finfleet.sealed_days
   SET next_series = %(next_series)s, sealed_at = %(now)s, swept_at = NULL
 WHERE day = %(day)s

-- name: swept
UPDATE finfleet.sealed_days
   SET next_series = 0, swept_at = %(now)s
 WHERE day = %(day)s AND swept_at IS NULL

-- name: swept_at
SELECT swept_at FROM finfleet.sealed_days WHERE day = %(day)s

-- name: bytes
SELECT coalesce(pg_relation_size(to_regclass(%(partition)s)), 0)

-- name: vacuum
VACUUM (TRUNCATE) {partition}

-- name: drop
DROP TABLE {partition}
