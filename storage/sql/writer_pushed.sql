-- What is pushed: nobody plans it, so its windows are made as it comes.

-- name: name_sources
-- The queue says whether a source is configured: never does a planner hand out anything of a disabled target.
INSERT INTO finfleet.targets AS t
       (provider, account, region, service, queue, enabled, interval_seconds, delay_seconds, enabled_since, planned_until)
SELECT %(provider)s, s.account, %(region)s, g.service, %(queue)s, false, g.seconds, 0, %(now)s, %(now)s
  FROM unnest(%(sources)s::text[]) AS s(account)
 CROSS JOIN unnest(%(services)s::text[], %(seconds)s::int[]) AS g(service, seconds)
 ORDER BY s.account, g.service
    ON CONFLICT (provider, account, region, service) DO UPDATE
   SET queue = excluded.queue, interval_seconds = excluded.interval_seconds
 WHERE t.queue IS DISTINCT FROM excluded.queue OR t.interval_seconds IS DISTINCT FROM excluded.interval_seconds

-- name: owe_nothing
-- A source pushes when it likes: no time of it is owed, so none of it is a gap.
INSERT INTO finfleet.pauses (target_id, paused_from)
SELECT target_id, enabled_since
  FROM finfleet.targets
 WHERE provider = %(provider)s
   AND service = ANY(%(services)s::text[])
    ON CONFLICT DO NOTHING

-- name: forget_sources
UPDATE finfleet.targets
   SET queue = ''
 WHERE provider = %(provider)s
   AND service = ANY(%(services)s::text[])
   AND queue = %(queue)s
   AND account <> ALL(%(sources)s::text[])

-- name: configured
SELECT target_id
  FROM finfleet.targets
 WHERE target_id = ANY(%(target_ids)s::int[])
   AND queue = %(queue)s

-- name: open_windows
-- Settled from the start: no attempt at them is ever handed out, and the first whole run settles them anew. Until then
-- nothing covers them, and where all that was pushed is refused it stays so.
INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt, settled_at, error)
SELECT n.target_id, n.window_start, n.window_end, 'failed', 1, now(), %(unsettled)s
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS n(target_id, window_start, window_end)
 ORDER BY n.target_id, n.window_start
    ON CONFLICT (target_id, window_start) DO NOTHING
