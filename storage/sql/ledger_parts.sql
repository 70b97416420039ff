-- Parts of several statements about windows.

-- name: may_go_out
-- Of what is planned and due (c), for its target (t): asked where it is found, and again where it is taken.
   t.enabled
   AND (
           t.denied_until IS NULL
           OR (
               t.denied_until <= %(now)s
               -- One probe: its newest window, while none of it is out.
               AND NOT EXISTS (
                   SELECT
                     FROM finfleet.collections AS other
                    WHERE other.target_id = c.target_id
                      AND other.state IN ('planned', 'dispatched')
                      AND (other.state = 'dispatched' OR other.window_start > c.window_start)
               )
           )
       )
   -- What a back-fill has opened and nobody asks for any more is withdrawn by the next healing.
   AND (
           c.backfill_id IS NULL
           OR c.backfilled_from IS NOT NULL
           OR c.records IS NOT NULL
           OR EXISTS (
               SELECT
                 FROM finfleet.backfill_targets AS p
                 JOIN finfleet.backfills AS b USING (backfill_id)
                WHERE p.target_id = c.target_id
                  AND p.since <= c.window_start
                  AND c.window_start < p.until
                  AND b.cancelled_at IS NULL
           )
       )
   -- Of a back-fill with a budget only what is left pays for.
   AND (
           c.backfill_id IS NULL
           OR c.backfill_id <> ALL(%(budgeted)s::int[])
           OR (c.target_id, c.window_start) IN (
               SELECT * FROM unnest(%(paid_targets)s::int[], %(paid_starts)s::timestamptz[])
           )
       )

-- name: as_opened
-- The columns of a new window (w), by whether it is lost and asked for.
w.target_id, w.window_start, w.window_end, %(now)s, %(now)s,
CASE WHEN lost.lost THEN 'failed' ELSE 'planned' END,
CASE WHEN lost.lost THEN %(now)s::timestamptz END,
CASE WHEN lost.lost THEN %(no_sampler)s ELSE '' END,
asked.backfill_id,
CASE WHEN asked.backfill_id IS NULL THEN 0 ELSE (
    SELECT coalesce(max(r.attempt), 0)
      FROM finfleet.runs AS r
     WHERE r.target_id = w.target_id AND r.window_start = w.window_start
) END

-- name: asked_for
-- The newest back-fill that wants a window (w).
CROSS JOIN LATERAL (
        SELECT max(b.backfill_id) AS backfill_id
          FROM finfleet.backfill_targets AS p
          JOIN finfleet.backfills AS b USING (backfill_id)
         WHERE p.target_id = w.target_id
           AND p.since <= w.window_start
           AND w.window_start < p.until
           AND b.cancelled_at IS NULL
) AS asked

-- name: covered
-- Of each target the time that windows cover, and that in which it was paused: since then, null: ever. Views have it too.
days AS MATERIALIZED (
    SELECT target_id, date_bin(interval '1 day', window_start, timestamptz 'epoch') AS day,
           min(window_start) AS since, max(window_end) AS until,
           sum(window_end - window_start) = max(window_end) - min(window_start) AS is_whole
      FROM finfleet.collections
     WHERE %(since)s::timestamptz IS NULL OR window_start >= %(since)s
     GROUP BY 1, 2
),
-- Windows do not overlap: of a day that they fill from the first to the last no more has to be known.
parts AS (
    SELECT target_id, tstzrange(since, until) AS part
      FROM days
     WHERE is_whole
     UNION ALL
    SELECT d.target_id, tstzrange(c.window_start, c.window_end)
      FROM days AS d
      JOIN finfleet.collections AS c
        ON c.target_id = d.target_id AND c.window_start >= d.since AND c.window_start < d.until
     WHERE NOT d.is_whole
     UNION ALL
    SELECT f.target_id, part
      FROM finfleet.folded_windows AS f
     CROSS JOIN LATERAL unnest(f.ranges) AS part
     WHERE %(since)s::timestamptz IS NULL OR upper(f.ranges) > %(since)s
),
covered AS (
    SELECT target_id, range_agg(part) AS ranges
      FROM parts
     GROUP BY target_id
),
paused AS (
    SELECT target_id, range_agg(tstzrange(paused_from, paused_until)) AS ranges
      FROM finfleet.pauses
     GROUP BY target_id
)
