-- What is to be collected. Every statement that changes a target locks it first, in the order of target_id, so that
-- two planners wait for each other instead of deadlocking. NO KEY UPDATE: rows that refer to a target can be inserted.

-- name: lock_service
-- The targets of one service, as they are.
SELECT target_id, account, region, queue, enabled, live, interval_seconds, delay_seconds, delivered
  FROM finfleet.targets
 WHERE provider = %(provider)s AND service = %(service)s
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: upsert_targets
-- A target that is there keeps its past (enabled_since, planned_until), unless the clock opens its windows from now on, or
-- no longer.
INSERT INTO finfleet.targets AS t
       (provider, account, region, service, queue, live, interval_seconds, delay_seconds, delivered,
        enabled_since, planned_until)
SELECT %(provider)s, n.account, n.region, %(service)s, n.queue, n.live, n.interval_seconds, n.delay_seconds,
       n.delivered, n.since, n.since
  FROM unnest(
           %(account)s::text[], %(region)s::text[], %(queue)s::text[], %(live)s::boolean[],
           %(interval_seconds)s::int[], %(delay_seconds)s::int[], %(delivered)s::boolean[], %(since)s::timestamptz[]
       ) AS n(account, region, queue, live, interval_seconds, delay_seconds, delivered, since)
 ORDER BY n.account, n.region
    ON CONFLICT (provider, account, region, service) DO UPDATE
   SET enabled = true,
       queue = excluded.queue,
       live = excluded.live,
       interval_seconds = excluded.interval_seconds,
       delay_seconds = excluded.delay_seconds,
       delivered = excluded.delivered,
       enabled_since = CASE
                           WHEN excluded.delivered <> t.delivered THEN excluded.enabled_since
                           ELSE t.enabled_since
                       END,
       planned_until = CASE
                           WHEN excluded.delivered <> t.delivered THEN excluded.planned_until
                           ELSE t.planned_until
                       END

-- name: pause
-- Nothing is owed from the window that is running now: it will not close as configured.
WITH gone AS (
    UPDATE finfleet.targets
       SET enabled = false
     WHERE target_id = ANY(%(target_ids)s::int[])
    RETURNING target_id, interval_seconds, planned_until
)
INSERT INTO finfleet.pauses (target_id, paused_from)
SELECT target_id,
       greatest(planned_until, date_bin(make_interval(secs => interval_seconds), %(now)s, timestamptz 'epoch'))
  FROM gone
    ON CONFLICT (target_id, paused_from) DO UPDATE SET paused_until = NULL

-- name: resume
-- Owed again from the window that is running now; a pause that no window fell into is none.
WITH empty AS (
    DELETE FROM finfleet.pauses AS p
     USING unnest(%(target_ids)s::int[], %(interval_seconds)s::int[]) AS n(target_id, interval_seconds)
     WHERE p.target_id = n.target_id
       AND p.paused_until IS NULL
       AND p.paused_from >= date_bin(make_interval(secs => n.interval_seconds), %(now)s, timestamptz 'epoch')
)
UPDATE finfleet.pauses AS p
   SET paused_until = date_bin(make_interval(secs => n.interval_seconds), %(now)s, timestamptz 'epoch')
  FROM unnest(%(target_ids)s::int[], %(interval_seconds)s::int[]) AS n(target_id, interval_seconds)
 WHERE p.target_id = n.target_id
   AND p.paused_until IS NULL
   AND p.paused_from < date_bin(make_interval(secs => n.interval_seconds), %(now)s, timestamptz 'epoch')

-- name: lock_unknown
-- Enabled targets of services that are not configured at all.
SELECT target_id
  FROM finfleet.targets
 WHERE enabled
   AND (provider, service) NOT IN (SELECT * FROM unnest(%(providers)s::text[], %(services)s::text[]))
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: was_planned
SELECT
  FROM finfleet.planned_services
 WHERE (provider, service) = (%(provider)s, %(service)s)
   AND digest = %(digest)s
   AND compared_at >= %(since)s

-- name: note_planned
INSERT INTO finfleet.planned_services (provider, service, digest, compared_at)
VALUES (%(provider)s, %(service)s, %(digest)s, %(now)s)
    ON CONFLICT (provider, service) DO UPDATE SET digest = excluded.digest, compared_at = excluded.compared_at

-- name: forget_planned
DELETE FROM finfleet.planned_services
 WHERE (provider, service) NOT IN (SELECT * FROM unnest(%(providers)s::text[], %(services)s::text[]))
