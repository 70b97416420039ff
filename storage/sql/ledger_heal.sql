-- Finding time that is owed and has no window.

-- name: estimate_windows
-- As of the last ANALYZE; -1 before the first one.
SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('finfleet.collections')

-- name: find_gaps
-- For each target, or each of target_ids: [enabled_since, planned_until) without its windows and its pauses.
-- With since only what comes after; a gap that begins right then may be the end of an earlier window, and is left out.
WITH covered AS (
    SELECT target_id, range_agg(tstzrange(window_start, window_end)) AS ranges
      FROM finfleet.collections
     WHERE (%(target_ids)s::int[] IS NULL OR target_id = ANY(%(target_ids)s::int[]))
       AND (%(since)s::timestamptz IS NULL OR window_start >= %(since)s)
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
           tstzmultirange(tstzrange(t.enabled_since, t.planned_until)) * tstzmultirange(tstzrange(%(since)s, NULL))
           - coalesce(covered.ranges, '{}') - coalesce(paused.ranges, '{}')
       ) AS gap
 WHERE t.enabled
   AND (%(target_ids)s::int[] IS NULL OR t.target_id = ANY(%(target_ids)s::int[]))
   AND lower(gap) IS DISTINCT FROM %(since)s
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
   SET state = 'planned', due_at = %(now)s, failures = 0, error = '', permission = ''
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
