-- Finding time that is owed and has no window.

-- name: estimate_windows
-- As of the last ANALYZE; -1 before the first one.
SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('finfleet.collections')

-- name: find_gaps
-- For each target: [enabled_since, planned_until) without its windows and its pauses, the newest first.
-- With since only what comes after; a gap that begins right then may be the end of an earlier window, and is left out.
-- Reads the ledger in its own order, and holds what it reads in memory: for so many windows only.
WITH {ledger_parts.covered}
SELECT t.target_id, t.interval_seconds, lower(gap), upper(gap)
  FROM finfleet.targets AS t
  LEFT JOIN covered USING (target_id)
  LEFT JOIN paused USING (target_id)
 CROSS JOIN LATERAL unnest(
           tstzmultirange(tstzrange(t.enabled_since, t.planned_until)) * tstzmultirange(tstzrange(%(since)s, NULL))
           - coalesce(covered.ranges, '{}') - coalesce(paused.ranges, '{}')
       ) AS gap
 WHERE t.enabled
   AND lower(gap) IS DISTINCT FROM %(since)s
 ORDER BY upper(gap) DESC, t.target_id
 LIMIT %(limit)s

-- name: find_gaps_of
-- The same of some targets, or of one in so many (shard), each by itself: memory grows with the windows of one.
SELECT t.target_id, t.interval_seconds, lower(gap), upper(gap)
  FROM finfleet.targets AS t
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(tstzrange(window_start, window_end)), '{}') AS ranges
             FROM finfleet.collections AS c
            WHERE c.target_id = t.target_id
       ) AS covered
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(part), '{}') AS ranges
             FROM finfleet.folded_windows AS f
            CROSS JOIN LATERAL unnest(f.ranges) AS part
            WHERE f.target_id = t.target_id
       ) AS folded
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(tstzrange(paused_from, paused_until)), '{}') AS ranges
             FROM finfleet.pauses AS p
            WHERE p.target_id = t.target_id
       ) AS paused
 CROSS JOIN LATERAL unnest(
           tstzmultirange(tstzrange(t.enabled_since, t.planned_until))
           - covered.ranges - folded.ranges - paused.ranges
       ) AS gap
 WHERE t.enabled
   AND (%(target_ids)s::int[] IS NULL OR t.target_id = ANY(%(target_ids)s::int[]))
   AND (%(shard)s::int IS NULL OR (t.target_id - 1) %% %(shards)s::int = %(shard)s)
 ORDER BY upper(gap) DESC, t.target_id
 LIMIT %(limit)s

-- name: lock_targets
SELECT target_id
  FROM finfleet.targets
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: reopen_denied
-- The permission was granted: windows that were refused for the lack of it are due. A live target has nothing to give.
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(now)s, failures = 0, lost = 0, error = '', permission = ''
  FROM (
        SELECT c.target_id, c.window_start
          FROM finfleet.collections AS c
          JOIN finfleet.targets AS t USING (target_id)
         WHERE t.enabled
           AND NOT t.live
           AND t.denied_until IS NULL
           AND c.state = 'denied'
           AND c.window_start >= %(since)s
         ORDER BY c.window_start DESC
         LIMIT %(limit)s
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS again
 WHERE c.target_id = again.target_id AND c.window_start = again.window_start

-- name: reopen_failed
-- What failed is tried once more: a window that was not yet, as soon as its target has answered since; after that it
-- waits for as long as it has failed, an hour at the least and a day at the most, for %(reopen)s. Of a target that has
-- not answered only the newest window is tried, and only while none of it is due anyway. Its failures stay counted, so
-- one more of them settles it again.
WITH answers AS MATERIALIZED (
    SELECT t.target_id,
           (
               SELECT good.settled_at
                 FROM finfleet.collections AS good
                WHERE good.target_id = t.target_id
                  AND good.state IN ('complete', 'empty')
                  AND good.failures = 0  -- not a refresh that failed
                  AND good.error = ''
                ORDER BY good.window_start DESC
                LIMIT 1
           ) AS answered_at,
           EXISTS (
               SELECT
                 FROM finfleet.collections AS open
                WHERE open.target_id = t.target_id
                  AND open.state IN ('planned', 'dispatched')
           ) AS busy
      FROM finfleet.targets AS t
     WHERE t.enabled
       AND NOT t.live
       AND t.denied_until IS NULL
       AND EXISTS (
               SELECT
                 FROM finfleet.collections AS bad
                WHERE bad.target_id = t.target_id
                  AND bad.state = 'failed'
           )
),
failed AS (
    SELECT c.target_id, c.window_start, c.settled_at, coalesce(c.failed_since, c.settled_at) AS failed_since,
           a.answered_at > c.settled_at AS answered,
           c.failed_since IS NULL AS untried,
           NOT a.busy AND row_number() OVER (PARTITION BY c.target_id ORDER BY c.window_start DESC) = 1 AS probes
      FROM answers AS a
      JOIN finfleet.collections AS c USING (target_id)
     WHERE c.state = 'failed'
),
due AS (
    SELECT target_id, window_start
      FROM failed
     WHERE (answered AND untried)
        OR (
            (answered OR probes)
            AND settled_at < failed_since + %(reopen)s::interval
            AND settled_at + greatest(interval '1 hour', least(interval '1 day', settled_at - failed_since)) <= %(now)s
        )
)
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(now)s, lost = 0, failed_since = coalesce(c.failed_since, c.settled_at)
  FROM (
        SELECT c.target_id, c.window_start
          FROM due
          JOIN finfleet.collections AS c USING (target_id, window_start)
         WHERE c.state = 'failed'
         ORDER BY c.window_start DESC
         LIMIT %(limit)s
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS again
 WHERE c.target_id = again.target_id AND c.window_start = again.window_start

-- name: reopen_refused
-- Settled windows of which a part was refused (for a permission, or by an outage) are read again, at the pace of failed
-- ones: one that was not yet, as soon as its target has settled its newest one since without that refusal. Newer windows
-- are collected anyway, so no call is made to find that out; only where there is no newer one for an hour, as of a bill,
-- the newest window itself probes. What is older than %(reopen)s by then stays as it is.
WITH newest AS MATERIALIZED (
    SELECT t.target_id, good.settled_at, good.refused, good.permission
      FROM finfleet.targets AS t
     CROSS JOIN LATERAL (
               SELECT c.settled_at, c.refused, c.permission
                 FROM finfleet.collections AS c
                WHERE c.target_id = t.target_id
                  AND c.state IN ('complete', 'empty')
                  AND c.failures = 0  -- not a refresh that failed
                  AND c.error = ''
                ORDER BY c.window_start DESC
                LIMIT 1
           ) AS good
     WHERE t.enabled
       AND NOT t.live
       AND t.denied_until IS NULL
       AND EXISTS (SELECT FROM finfleet.collections AS c WHERE c.target_id = t.target_id AND c.refused)
),
refused AS (
    SELECT c.target_id, c.window_start, c.settled_at, coalesce(c.failed_since, c.settled_at) AS failed_since,
           n.settled_at > c.settled_at AND NOT (n.refused AND n.permission = c.permission) AS answered,
           c.failed_since IS NULL AS untried,
           row_number() OVER (PARTITION BY c.target_id ORDER BY c.window_start DESC) = 1 AS probes
      FROM newest AS n
      JOIN finfleet.collections AS c USING (target_id)
     WHERE c.refused
       AND c.state IN ('complete', 'empty')
       AND greatest(c.window_end, coalesce(c.failed_since, c.settled_at)) >= %(now)s - %(reopen)s::interval
),
due AS (
    SELECT target_id, window_start
      FROM refused
     WHERE (answered AND untried)
        OR (
            (answered OR probes)
            AND settled_at < failed_since + %(reopen)s::interval
            AND settled_at + greatest(interval '1 hour', least(interval '1 day', settled_at - failed_since)) <= %(now)s
        )
)
UPDATE finfleet.collections AS c
   SET refresh_at = %(now)s, failed_since = coalesce(c.failed_since, c.settled_at)
  FROM (
        SELECT c.target_id, c.window_start
          FROM due
          JOIN finfleet.collections AS c USING (target_id, window_start)
         WHERE c.refused
           AND c.state IN ('complete', 'empty')
           AND (c.refresh_at IS NULL OR c.refresh_at > %(now)s)
         ORDER BY c.window_start DESC
         LIMIT %(limit)s
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS again
 WHERE c.target_id = again.target_id AND c.window_start = again.window_start
