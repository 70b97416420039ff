-- Back-fills by their number: what was asked for, what it may cost, and the way back.

-- name: begin
-- What reports from then on counts against the budget: a clock that is ahead where the command runs hides nothing of it.
INSERT INTO finfleet.backfills (asked_at, origin, budget_usd)
VALUES (least(%(now)s, now()), %(origin)s, %(budget_usd)s::numeric)
RETURNING backfill_id

-- name: add_targets
-- In whole windows, and none that the planner opens by itself.
INSERT INTO finfleet.backfill_targets (backfill_id, target_id, since, until, usd_per_window)
SELECT %(backfill_id)s, n.target_id,
       date_bin(make_interval(secs => t.interval_seconds), n.since, timestamptz 'epoch'),
       greatest(
           n.since,
           least(
               date_bin(
                   make_interval(secs => t.interval_seconds), n.until - interval '1 microsecond', timestamptz 'epoch'
               ) + make_interval(secs => t.interval_seconds),
               CASE WHEN %(planned)s THEN t.planned_until ELSE n.until END
           )
       ),
       n.usd
  FROM unnest(%(target_ids)s::int[], %(since)s::timestamptz[], %(until)s::timestamptz[], %(usd)s::numeric[])
           AS n(target_id, since, until, usd)
  JOIN finfleet.targets AS t USING (target_id)

-- name: within_budget
-- Of every back-fill with a budget, even if it has none now: the windows that what is left of it pays, the newest first. A reading is taken to
-- cost what it was estimated to, or the most that one of its target did cost. What is out, or was lost, has cost that.
-- Of a target that is paid, or of unknown price, one window goes ahead: an estimate may be the least, and a hundred at once be ten times that.
WITH active AS MATERIALIZED (
    SELECT b.backfill_id, b.budget_usd, b.asked_at
      FROM finfleet.backfills AS b
     WHERE b.budget_usd IS NOT NULL
       AND b.cancelled_at IS NULL
       AND EXISTS (
               SELECT
                 FROM finfleet.collections AS c
                WHERE c.backfill_id = b.backfill_id
                  AND c.state = 'planned'
           )
),
readings AS MATERIALIZED (
    SELECT a.backfill_id, c.target_id, r.api_cost_usd, r.outcome
      FROM active AS a
      JOIN finfleet.collections AS c USING (backfill_id)
      JOIN finfleet.runs AS r
        ON r.target_id = c.target_id
       AND r.window_start = c.window_start
       AND r.reported_at >= a.asked_at
),
prices AS MATERIALIZED (
    SELECT p.backfill_id, p.target_id, p.usd_per_window IS NOT NULL AS is_known,
           greatest(
               coalesce(p.usd_per_window, 0),
               (
                   SELECT max(r.api_cost_usd)
                     FROM readings AS r
                    WHERE r.backfill_id = p.backfill_id AND r.target_id = p.target_id
               )
           ) AS usd,
           EXISTS (
               SELECT
                 FROM readings AS r
                WHERE r.backfill_id = p.backfill_id
                  AND r.target_id = p.target_id
                  AND r.outcome IN ('complete', 'empty')
           ) AS was_read,
           EXISTS (
               SELECT
                 FROM finfleet.collections AS c
                WHERE c.backfill_id = p.backfill_id
                  AND c.target_id = p.target_id
                  AND c.state = 'dispatched'
           ) AS is_out
      FROM active
      JOIN finfleet.backfill_targets AS p USING (backfill_id)
),
remaining AS (
    SELECT a.backfill_id, a.budget_usd,
           a.budget_usd
           - coalesce((
               SELECT sum(coalesce(r.api_cost_usd, p.usd, 0))
                 FROM readings AS r
                 LEFT JOIN prices AS p USING (backfill_id, target_id)
                WHERE r.backfill_id = a.backfill_id
           ), 0)
           - coalesce((
               SELECT sum(p.usd * (c.lost + (c.state = 'dispatched')::int))
                 FROM finfleet.collections AS c
                 JOIN prices AS p USING (backfill_id, target_id)
                WHERE c.backfill_id = a.backfill_id
           ), 0)
           - coalesce((
               SELECT sum(f.spent_usd + f.unpriced * coalesce(p.usd, 0))
                 FROM finfleet.folded_windows AS f
                 LEFT JOIN prices AS p USING (backfill_id, target_id)
                WHERE f.backfill_id = a.backfill_id AND f.backfill_id <> 0
           ), 0) AS usd
      FROM active AS a
)
SELECT r.backfill_id, w.target_id, w.window_start, w.usd = 0 OR w.sum <= r.usd AS fits
  FROM remaining AS r
  LEFT JOIN LATERAL (
           SELECT may.target_id, may.window_start, may.usd,
                  sum(may.usd) OVER (ORDER BY may.window_start DESC, may.target_id) AS sum,
                  row_number() OVER (PARTITION BY may.usd > 0 ORDER BY may.window_start DESC, may.target_id) AS turn
             FROM (
                   SELECT c.target_id, c.window_start, p.usd, (p.usd = 0 AND p.is_known) OR p.was_read AS at_once, p.is_out,
                          row_number() OVER (PARTITION BY c.target_id ORDER BY c.window_start DESC) AS place
                     FROM finfleet.collections AS c
                     JOIN prices AS p USING (backfill_id, target_id)
                    WHERE c.backfill_id = r.backfill_id
                      AND c.state = 'planned'
                      -- What cannot be handed out now would keep its place before all that can.
                      AND c.due_at <= %(now)s
                      AND (
                              %(of_targets)s::int[] IS NULL
                              OR (c.target_id, c.window_start) IN (
                                  SELECT * FROM unnest(%(of_targets)s::int[], %(of_starts)s::timestamptz[])
                              )
                          )
                      AND EXISTS (
                              SELECT
                                FROM finfleet.targets AS t
                               WHERE t.target_id = c.target_id
                                 AND t.enabled
                                 AND (%(provider)s::text IS NULL OR t.provider = %(provider)s)
                                 AND (%(service)s::text IS NULL OR t.service = %(service)s)
                          )
                  ) AS may
            WHERE may.at_once OR (may.place = 1 AND NOT may.is_out)
       ) AS w ON w.turn <= %(limit)s  -- of what is free, and as many of what is paid: neither waits for the other

-- name: hold
-- What the budget does not pay says so, for finfleet status and reporting.gaps.
UPDATE finfleet.collections AS c
   SET error = format(
           'back-fill %%s: its budget of USD %%s is used up: finfleet backfill with a larger --budget goes on with it,'
           ' finfleet backfill cancel %%s gives it up',
           b.backfill_id, trim_scale(b.budget_usd), b.backfill_id
       )
  FROM finfleet.backfills AS b
 WHERE b.backfill_id = c.backfill_id
   AND c.error = ''
   AND (c.target_id, c.window_start) IN (
           SELECT c.target_id, c.window_start
             FROM finfleet.collections AS c
             JOIN finfleet.targets AS t USING (target_id)
            WHERE c.backfill_id = ANY(%(backfill_ids)s::int[])
              AND c.state = 'planned'
              AND c.error = ''
              AND c.due_at <= %(now)s
              AND t.enabled
              AND (%(provider)s::text IS NULL OR t.provider = %(provider)s)
              AND (%(service)s::text IS NULL OR t.service = %(service)s)
              AND (c.target_id, c.window_start) NOT IN (
                      SELECT * FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[])
                  )
            ORDER BY c.target_id, c.window_start
            LIMIT %(limit)s
              FOR NO KEY UPDATE OF c SKIP LOCKED
       )

-- name: find
-- Back-fills that are not cancelled, by their number and by the targets that are meant.
SELECT p.backfill_id, p.target_id
  FROM finfleet.backfills AS b
  JOIN finfleet.backfill_targets AS p USING (backfill_id)
 WHERE b.cancelled_at IS NULL
   AND (%(backfill_ids)s::int[] IS NULL OR b.backfill_id = ANY(%(backfill_ids)s::int[]))
   AND p.target_id = ANY(%(target_ids)s::int[])
 ORDER BY 1, 2

-- name: withdraw
-- What it opened, and nobody has collected or is collecting.
DELETE FROM finfleet.collections AS c
 USING (
        SELECT c.target_id, c.window_start
          FROM finfleet.collections AS c
         WHERE c.backfill_id = ANY(%(backfill_ids)s::int[])
           AND c.target_id = ANY(%(target_ids)s::int[])
           AND c.state = 'planned'
           AND c.records IS NULL
           AND c.backfilled_from IS NULL
         ORDER BY c.target_id, c.window_start
           FOR UPDATE
       ) AS gone
 WHERE c.target_id = gone.target_id AND c.window_start = gone.window_start

-- name: withdraw_late
-- The same of what was out, or was being opened, when its back-fill was cancelled, and came to nothing since.
DELETE FROM finfleet.collections AS c
 USING (
        SELECT c.target_id, c.window_start
          FROM finfleet.collections AS c
         WHERE c.backfill_id IS NOT NULL
           AND c.state = 'planned'
           AND c.records IS NULL
           AND c.backfilled_from IS NULL
           AND NOT EXISTS (
                   SELECT
                     FROM finfleet.backfill_targets AS p
                     JOIN finfleet.backfills AS b USING (backfill_id)
                    WHERE p.target_id = c.target_id
                      AND p.since <= c.window_start
                      AND c.window_start < p.until
                      AND b.cancelled_at IS NULL
               )
         ORDER BY c.target_id, c.window_start
         LIMIT %(limit)s
           FOR UPDATE OF c SKIP LOCKED
       ) AS gone
 WHERE c.target_id = gone.target_id AND c.window_start = gone.window_start
RETURNING c.target_id, c.window_start, c.window_end

-- name: pause_late
INSERT INTO finfleet.pauses (target_id, paused_from, paused_until)
SELECT gone.target_id, lower(part), upper(part)
  FROM (
        SELECT target_id, range_agg(tstzrange(since, until)) AS ranges
          FROM unnest(%(gone_targets)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
                   AS n(target_id, since, until)
         GROUP BY target_id
       ) AS gone
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(tstzrange(p.paused_from, p.paused_until)), '{}') AS ranges
             FROM finfleet.pauses AS p
            WHERE p.target_id = gone.target_id
       ) AS paused
 CROSS JOIN LATERAL unnest(gone.ranges - paused.ranges) AS part

-- name: settle_as_before
-- What it made due again is what it was. A failed one is not tried again by itself: the past is on request.
UPDATE finfleet.collections AS c
   SET state = CASE WHEN c.records > 0 THEN 'complete' WHEN c.records = 0 THEN 'empty' ELSE c.backfilled_from END,
       settled_at = %(now)s,
       failed_since = CASE WHEN c.records IS NULL THEN %(now)s - interval '30 days' END,
       error = CASE WHEN c.records IS NULL THEN format('back-fill %%s was cancelled', c.backfill_id) ELSE '' END
  FROM (
        SELECT c.target_id, c.window_start
          FROM finfleet.collections AS c
         WHERE c.backfill_id = ANY(%(backfill_ids)s::int[])
           AND c.target_id = ANY(%(target_ids)s::int[])
           AND c.state = 'planned'
           AND c.backfilled_from IS NOT NULL
         ORDER BY c.target_id, c.window_start
           FOR NO KEY UPDATE
       ) AS again
 WHERE c.target_id = again.target_id AND c.window_start = again.window_start

-- name: lock_targets
SELECT target_id
  FROM finfleet.targets
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: pause_rest
-- What has no window of what it asked for is owed no more.
INSERT INTO finfleet.pauses (target_id, paused_from, paused_until)
SELECT asked.target_id, lower(gap), upper(gap)
  FROM (
        SELECT target_id, range_agg(tstzrange(since, until)) AS ranges
          FROM finfleet.backfill_targets
         WHERE backfill_id = ANY(%(backfill_ids)s::int[])
           AND target_id = ANY(%(target_ids)s::int[])
         GROUP BY target_id
       ) AS asked
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(tstzrange(c.window_start, c.window_end)), '{}') AS ranges
             FROM finfleet.collections AS c
            WHERE c.target_id = asked.target_id
       ) AS covered
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(part), '{}') AS ranges
             FROM finfleet.folded_windows AS f
            CROSS JOIN LATERAL unnest(f.ranges) AS part
            WHERE f.target_id = asked.target_id
       ) AS folded
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(tstzrange(p.paused_from, p.paused_until)), '{}') AS ranges
             FROM finfleet.pauses AS p
            WHERE p.target_id = asked.target_id
       ) AS paused
 CROSS JOIN LATERAL unnest(asked.ranges - covered.ranges - folded.ranges - paused.ranges) AS gap

-- name: count_out
SELECT count(*)
  FROM finfleet.collections
 WHERE backfill_id = ANY(%(backfill_ids)s::int[])
   AND target_id = ANY(%(target_ids)s::int[])
   AND state = 'dispatched'

-- name: leave
-- A back-fill of which some targets are given up goes on with the others; one without any is cancelled.
UPDATE finfleet.backfills AS b
   SET cancelled_at = %(now)s
 WHERE b.backfill_id = ANY(%(backfill_ids)s::int[])
   AND NOT EXISTS (
           SELECT
             FROM finfleet.backfill_targets AS p
            WHERE p.backfill_id = b.backfill_id
              AND NOT p.target_id = ANY(%(target_ids)s::int[])
       )
RETURNING b.backfill_id

-- name: drop_targets
DELETE FROM finfleet.backfill_targets
 WHERE backfill_id = ANY(%(backfill_ids)s::int[])
   AND NOT backfill_id = ANY(%(over)s::int[])
   AND target_id = ANY(%(target_ids)s::int[])

-- name: list
SELECT b.backfill_id, b.asked_at, b.origin, b.budget_usd, b.cancelled_at,
       asked.since, asked.until, asked.targets, asked.services,
       coalesce(found.waiting, 0) + CASE WHEN b.cancelled_at IS NULL THEN asked.unopened ELSE 0 END AS waiting,
       coalesce(found.held, 0) AS held, coalesce(found.out, 0) AS out,
       coalesce(found.done, 0) + folded.done AS done,
       coalesce(found.bad, 0) + folded.bad AS bad,
       (
           SELECT CASE WHEN count(*) = count(r.api_cost_usd) THEN coalesce(sum(r.api_cost_usd), 0) END
             FROM finfleet.collections AS c
             JOIN finfleet.runs AS r
               ON r.target_id = c.target_id AND r.window_start = c.window_start AND r.reported_at >= b.asked_at
            WHERE c.backfill_id = b.backfill_id
       ) + CASE WHEN folded.unpriced = 0 THEN folded.spent_usd END AS spent_usd
  FROM finfleet.backfills AS b
  LEFT JOIN LATERAL (
           SELECT min(p.since) AS since, max(p.until) AS until, count(*) AS targets,
                  array_agg(DISTINCT concat_ws('/', t.provider, t.service)) AS services,
                  -- Of a long past of the configuration the planner opens so many windows at a time.
                  coalesce(sum(greatest(0, ceil(
                      extract(epoch FROM p.until - greatest(p.since, t.planned_until)) / t.interval_seconds
                  ))), 0)::bigint AS unopened
             FROM finfleet.backfill_targets AS p
             JOIN finfleet.targets AS t USING (target_id)
            WHERE p.backfill_id = b.backfill_id
       ) AS asked ON true
  LEFT JOIN LATERAL (
           SELECT count(*) FILTER (WHERE c.state = 'planned' AND c.error NOT LIKE 'back-fill %%') AS waiting,
                  count(*) FILTER (WHERE c.state = 'planned' AND c.error LIKE 'back-fill %%') AS held,
                  count(*) FILTER (WHERE c.state = 'dispatched') AS out,
                  count(*) FILTER (WHERE c.state IN ('complete', 'empty')) AS done,
                  count(*) FILTER (WHERE c.state IN ('denied', 'failed')) AS bad
             FROM finfleet.collections AS c
            WHERE c.backfill_id = b.backfill_id
       ) AS found ON true
 CROSS JOIN LATERAL (
           SELECT coalesce(sum(f.windows) FILTER (WHERE f.state IN ('complete', 'empty')), 0) AS done,
                  coalesce(sum(f.windows) FILTER (WHERE f.state IN ('denied', 'failed')), 0) AS bad,
                  coalesce(sum(f.spent_usd), 0) AS spent_usd, coalesce(sum(f.unpriced), 0) AS unpriced
             FROM finfleet.folded_windows AS f
            WHERE f.backfill_id = b.backfill_id AND f.backfill_id <> 0
       ) AS folded
 ORDER BY b.backfill_id DESC
 LIMIT %(limit)s
