-- Parts of statements, about what is folded.

-- name: foldable
-- Whether nothing is left to do of a window by itself.
-- The newest window that went well stays a row: how far a target is covered, and whether it has answered, is asked all
-- the time. So does what brings a bill: of it counts the run that settled the window.
c.state IN ('complete', 'empty', 'denied', 'failed')
-- Of a delivery it has to be known which version was read; there are a dozen windows a year.
AND NOT t.delivered
AND c.window_end <= %(before)s
AND c.settled_at <= %(before)s
AND c.refresh_at IS NULL
AND CASE
        WHEN c.state IN ('complete', 'empty') THEN
            (NOT c.refused OR t.live OR greatest(c.window_end, coalesce(c.failed_since, c.settled_at)) < %(tried_until)s)
            AND c.window_start < (
                    SELECT good.window_start
                      FROM finfleet.collections AS good
                     WHERE good.target_id = c.target_id
                       AND good.state IN ('complete', 'empty')
                       AND good.records IS NOT NULL
                       AND good.failures = 0
                       AND good.error = ''
                     ORDER BY good.window_start DESC
                     LIMIT 1
                )
        WHEN t.live THEN true
        WHEN c.state = 'denied' THEN c.window_start < %(tried_until)s
        -- One that was not tried again yet is, as soon as its target answers, whenever that is. Of a target that does not
        -- answer the newest one is tried, and no other in its place.
        ELSE
            c.settled_at >= c.failed_since + %(reopen)s::interval
            AND c.window_start < (
                    SELECT max(bad.window_start)
                      FROM finfleet.collections AS bad
                     WHERE bad.target_id = c.target_id AND bad.state = 'failed'
                )
    END
AND (c.window_start, c.window_end) = (date_trunc('second', c.window_start), date_trunc('second', c.window_end))
AND (
        c.backfill_id IS NULL
        OR NOT EXISTS (
            SELECT
              FROM finfleet.collections AS other
             WHERE other.backfill_id = c.backfill_id
               AND other.state IN ('planned', 'dispatched')
        )
    )
-- A value rather than NOT EXISTS, which Postgres would look up in all lines of all bills at once.
AND (
        SELECT r.run_id
          FROM finfleet.runs AS r
         WHERE r.target_id = c.target_id
           AND r.window_start = c.window_start
           AND EXISTS (SELECT FROM finfleet.cost_lines AS l WHERE l.run_id = r.run_id)
         LIMIT 1
    ) IS NULL

-- name: delivered
-- Whether deliveries of bills open the windows of a target (t); in a database of a former release they open none.
coalesce((to_jsonb(t) ->> 'delivered')::boolean, false)

-- name: since
-- Of each kind of outcome the windows that began since then, the start of the first and the end of the last.
SELECT f.target_id, f.state, f.error, f.permission, f.partial, f.refused,
       CASE
           WHEN began.all_since THEN f.windows
           ELSE (
               SELECT (sum(extract(epoch FROM upper(part) - lower(part))) / f.seconds)::bigint
                 FROM unnest(f.ranges * began.since) AS part
           )
       END AS windows,
       lower(f.ranges * began.since) AS since,
       upper(f.ranges) AS until
  FROM finfleet.folded_windows AS f
 CROSS JOIN LATERAL (
           SELECT %(since)s::timestamptz IS NULL OR lower(f.ranges) >= %(since)s AS all_since,
                  -- From the first window on that begins then or later.
                  tstzmultirange(tstzrange(
                      date_bin(
                          make_interval(secs => f.seconds), %(since)s::timestamptz - interval '1 microsecond',
                          timestamptz 'epoch' + make_interval(secs => f.phase)
                      ) + make_interval(secs => f.seconds),
                      NULL
                  )) AS since
       ) AS began
 WHERE f.ranges && began.since

-- name: began_in
-- How many windows of the ranges f began within span.
(
    SELECT coalesce(sum(
               ceil(extract(epoch FROM greatest(lower(part), least(span.until, upper(part))) - lower(part)) / f.seconds)
               - ceil(extract(epoch FROM greatest(lower(part), least(span.since, upper(part))) - lower(part)) / f.seconds)
           ), 0)::bigint
      FROM unnest(f.ranges) AS part
)

-- name: is_there
SELECT to_regclass('finfleet.folded_windows') IS NOT NULL

-- name: nothing
SELECT 0 AS target_id, 0 AS seconds, 0 AS phase, '' AS state, '' AS error, '' AS permission, '' AS partial,
       false AS refused, tstzmultirange() AS ranges, 0 AS windows
 WHERE false
