-- Finding time that is owed and has no window.

-- name: find_gaps
-- For each target: [enabled_since, planned_until) without its windows and its pauses.
WITH covered AS (
    SELECT target_id, range_agg(tstzrange(window_start, window_end)) AS ranges
      FROM finfleet.collections
     WHERE %(target_ids)s::int[] IS NULL OR target_id = ANY(%(target_ids)s::int[])
     GROUP BY target_id
),
paused AS (
    SELECT target_id, range_agg(tstzrange(paused_from, paused_until)) AS ranges
      FROM finfleet.pauses
     GROUP BY target_id
)
SELECT t.target_id, t.interval_seconds, lower(gap), upper(gap)
  FROM finfleet.targets AS t
  LEFT JOIN covered USING (target_id)
  LEFT JOIN paused USING (target_id)
 CROSS JOIN LATERAL unnest(
           tstzmultirange(tstzrange(t.enabled_since, t.planned_until))
           - coalesce(covered.ranges, '{}') - coalesce(paused.ranges, '{}')
       ) AS gap
 WHERE t.enabled
   AND (%(target_ids)s::int[] IS NULL OR t.target_id = ANY(%(target_ids)s::int[]))
 ORDER BY upper(gap) DESC, t.target_id

-- name: lock_targets
SELECT target_id
  FROM finfleet.targets
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: reopen_denied
-- The permission was granted: windows that were refused for the lack of it are due. A live target has nothing to give.
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(now)s, failures = 0, settled_at = NULL, error = '', permission = ''
  FROM (
        SELECT c.target_id, c.window_start
          FROM finfleet.collections AS c
          JOIN finfleet.targets AS t USING (target_id)
         WHERE t.enabled
           AND NOT t.live
           AND t.denied_until IS NULL
           AND c.state = 'denied'
           AND c.window_start >= %(since)s
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS again
 WHERE c.target_id = again.target_id AND c.window_start = again.window_start
