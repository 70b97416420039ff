-- Collecting the past on request.

-- name: all_targets
SELECT target_id, provider, account, region, service, enabled, live
  FROM finfleet.targets
 ORDER BY provider, account, region, service

-- name: reopen
-- Windows are locked before targets, and in the order of their key, as by whoever settles them: nobody deadlocks.
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(now)s, failures = 0, error = '', permission = ''
  FROM (
        SELECT target_id, window_start
          FROM finfleet.collections
         WHERE target_id = ANY(%(target_ids)s::int[])
           AND window_start < %(until)s
           AND window_end > %(since)s
           AND (state IN ('denied', 'failed') OR (%(again)s AND state IN ('complete', 'empty')))
         ORDER BY target_id, window_start
           FOR NO KEY UPDATE
       ) AS again
 WHERE c.target_id = again.target_id AND c.window_start = again.window_start

-- name: hasten
-- What waits for a later time is due now. What is being settled at this moment is left alone.
UPDATE finfleet.collections AS c
   SET due_at = %(now)s
  FROM (
        SELECT target_id, window_start
          FROM finfleet.collections
         WHERE target_id = ANY(%(target_ids)s::int[])
           AND window_start < %(until)s
           AND window_end > %(since)s
           AND state = 'planned'
           AND due_at > %(now)s
           FOR NO KEY UPDATE SKIP LOCKED
       ) AS later
 WHERE c.target_id = later.target_id AND c.window_start = later.window_start

-- name: lock_targets
SELECT target_id, interval_seconds, enabled_since, planned_until
  FROM finfleet.targets
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: owe
-- A permission that may have been granted is tried again: the first window that is refused stops the others.
UPDATE finfleet.targets AS t
   SET enabled_since = n.enabled_since, denied_until = NULL
  FROM unnest(%(target_ids)s::int[], %(enabled_since)s::timestamptz[]) AS n(target_id, enabled_since)
 WHERE t.target_id = n.target_id

-- name: pauses
SELECT target_id, paused_from, paused_until
  FROM finfleet.pauses
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id, paused_from

-- name: drop_pauses
DELETE FROM finfleet.pauses WHERE target_id = ANY(%(target_ids)s::int[])

-- name: insert_pauses
INSERT INTO finfleet.pauses (target_id, paused_from, paused_until)
SELECT * FROM unnest(%(target_ids)s::int[], %(paused_from)s::timestamptz[], %(paused_until)s::timestamptz[])
