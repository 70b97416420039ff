-- Opening windows: owed time becomes rows of the ledger.

-- name: find_behind
-- Enabled targets with a closed window that is not planned yet, those that are furthest behind.
SELECT target_id
  FROM finfleet.targets
 WHERE enabled
   AND (%(provider)s::text IS NULL OR provider = %(provider)s)
   AND (%(service)s::text IS NULL OR service = %(service)s)
   AND planned_until < date_bin(
           make_interval(secs => interval_seconds), %(now)s - make_interval(secs => delay_seconds), timestamptz 'epoch'
       )
 ORDER BY planned_until, target_id
 LIMIT %(limit)s

-- name: lock_behind
-- Those of them that nobody else has planned for or disabled meanwhile.
SELECT target_id, interval_seconds, planned_until,
       date_bin(
           make_interval(secs => interval_seconds), %(now)s - make_interval(secs => delay_seconds), timestamptz 'epoch'
       ) AS closed_until
  FROM finfleet.targets
 WHERE enabled
   AND target_id = ANY(%(target_ids)s::int[])
   AND planned_until < date_bin(
           make_interval(secs => interval_seconds), %(now)s - make_interval(secs => delay_seconds), timestamptz 'epoch'
       )
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: pauses
-- A statement of its own, after the lock: a subquery beside FOR UPDATE would show what was before the wait.
SELECT p.target_id, p.paused_from, p.paused_until
  FROM finfleet.pauses AS p
  JOIN finfleet.targets AS t USING (target_id)
 WHERE p.target_id = ANY(%(target_ids)s::int[])
   AND (p.paused_until IS NULL OR p.paused_until > t.planned_until)
 ORDER BY p.target_id, p.paused_from

-- name: open_whole
-- The same as to cut, insert_windows and advance, of locked targets without a pause in what they owe: at most so many
-- windows of each. The first may be shorter, where the interval was another one. Returns the number of windows.
WITH span AS MATERIALIZED (
    SELECT t.target_id, t.live, t.planned_until AS since, n.step, date_bin(n.step, t.planned_until, timestamptz 'epoch') AS edge,
           date_bin(n.step, %(now)s - make_interval(secs => t.delay_seconds), timestamptz 'epoch') AS closed_until
      FROM finfleet.targets AS t
     CROSS JOIN LATERAL (SELECT make_interval(secs => t.interval_seconds) AS step) AS n
     WHERE t.target_id = ANY(%(target_ids)s::int[])
),
part AS MATERIALIZED (
    SELECT target_id, live, since, step, edge, least(closed_until, edge + step * %(share)s::int) AS until
      FROM span
),
w AS MATERIALIZED (
    SELECT part.target_id, part.live, greatest(part.since, edge.at) AS window_start, edge.at + part.step AS window_end
      FROM part
     CROSS JOIN LATERAL generate_series(part.edge, part.until - part.step, part.step) AS edge(at)
),
advanced AS (
    UPDATE finfleet.targets AS t
       SET planned_until = part.until
      FROM part
     WHERE t.target_id = part.target_id
),
inserted AS (
    INSERT INTO finfleet.collections
           (target_id, window_start, window_end, due_at, planned_at, state, settled_at, error, backfill_id, attempt)
    SELECT {ledger_parts.as_opened}
      FROM w
     CROSS JOIN LATERAL (SELECT w.live AND w.window_end <= %(live_since)s::timestamptz AS lost) AS lost
     {ledger_parts.asked_for}
        ON CONFLICT (target_id, window_start) DO NOTHING
)
SELECT count(*) FROM w

-- name: insert_windows
-- A live target can only be measured by a sampler that was running then: what is long past is failed at once.
-- What a back-fill has asked for bears its number, whoever opens it; its attempts go on from those that it had before
-- it was withdrawn.
INSERT INTO finfleet.collections
       (target_id, window_start, window_end, due_at, planned_at, state, settled_at, error, backfill_id, attempt)
SELECT {ledger_parts.as_opened}
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS w(target_id, window_start, window_end)
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN LATERAL (SELECT t.live AND w.window_end <= %(live_since)s::timestamptz AS lost) AS lost
 {ledger_parts.asked_for}
 ORDER BY w.target_id, w.window_start
    ON CONFLICT (target_id, window_start) DO NOTHING

-- name: advance
UPDATE finfleet.targets AS t
   SET planned_until = n.planned_until
  FROM unnest(%(target_ids)s::int[], %(planned_until)s::timestamptz[]) AS n(target_id, planned_until)
 WHERE t.target_id = n.target_id

-- name: settle_denied
-- While a permission is missing no call is made: what is planned for the target is denied too, for the same reason.
-- Only once denied_until has passed is its newest window left to probe, and only while no other one does. A window
-- that was settled before keeps what it has: only its refresh is put off.
UPDATE finfleet.collections AS c
   SET state = CASE WHEN c.records > 0 THEN 'complete' WHEN c.records = 0 THEN 'empty' ELSE 'denied' END,
       refresh_at = CASE WHEN c.records IS NOT NULL THEN %(now)s + interval '24 hours' END,
       settled_at = %(now)s, error = d.denied_error, permission = d.denied_permission
  FROM (
        SELECT c.target_id, c.window_start, t.denied_error, t.denied_permission
          FROM finfleet.targets AS t
          JOIN finfleet.collections AS c USING (target_id)
         WHERE t.denied_until IS NOT NULL
           AND (%(provider)s::text IS NULL OR t.provider = %(provider)s)
           AND (%(service)s::text IS NULL OR t.service = %(service)s)
           AND c.state = 'planned'
           AND (
                   t.denied_until > %(now)s
                   OR EXISTS (
                       SELECT
                         FROM finfleet.collections AS other
                        WHERE other.target_id = c.target_id
                          AND other.state IN ('planned', 'dispatched')
                          AND (other.state = 'dispatched' OR other.window_start > c.window_start)
                   )
               )
         ORDER BY c.target_id, c.window_start
         LIMIT %(limit)s
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS d
 WHERE c.target_id = d.target_id AND c.window_start = d.window_start
