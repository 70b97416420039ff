-- What collecting took, as it was metered, and what is still to be collected.

-- name: readings
-- Of each target that is configured: what its newest readings took by API, since then.
SELECT t.provider, t.account, t.region, t.service, newest.readings, used.api, used.readings, used.calls, used.cost_usd
  FROM finfleet.targets AS t
 CROSS JOIN LATERAL (
           SELECT array_agg(r.apis) AS apis, count(*) AS readings
             FROM (
                   SELECT r.apis || r.summed_apis AS apis
                     FROM finfleet.runs AS r
                    WHERE r.target_id = t.target_id
                      AND r.outcome IN ('complete', 'empty')
                      AND r.reported_at >= %(since)s
                    ORDER BY r.window_start DESC
                    LIMIT %(newest)s
                  ) AS r
       ) AS newest
  LEFT JOIN LATERAL (
           SELECT u.api, count(*) AS readings, sum(u.calls)::bigint AS calls,
                  CASE WHEN count(*) = count(u.cost_usd) THEN sum(u.cost_usd) END AS cost_usd
             FROM unnest(newest.apis) AS of_run(apis)
            CROSS JOIN LATERAL jsonb_to_recordset(of_run.apis) AS u(api text, calls bigint, cost_usd numeric)
            GROUP BY u.api
       ) AS used ON true
 WHERE t.enabled
   AND newest.readings > 0

-- name: waiting
-- Of each target that is configured: windows that are to be read, for the first time or because a back-fill wants it
-- again, those included that have closed and are not opened yet.
SELECT t.provider, t.account, t.region, t.service,
       coalesce(open.windows, 0) + greatest(0, floor(extract(
           epoch FROM %(now)s - make_interval(secs => t.delay_seconds) - t.planned_until
       ) / t.interval_seconds))::bigint AS windows
  FROM finfleet.targets AS t
  LEFT JOIN LATERAL (
           SELECT count(*) AS windows
             FROM finfleet.collections AS c
            WHERE c.target_id = t.target_id
              AND (c.state = 'planned' OR (c.state = 'dispatched' AND c.records IS NULL))
       ) AS open ON true
 WHERE t.enabled

-- name: deliveries
-- Of each target that reads what is delivered: versions a day that were seen since then. What the first hour of looking
-- found is left out, since it had gathered before; null where less than a day is left.
SELECT t.provider, t.account, t.region, t.service,
       CASE
           WHEN looked.since <= %(now)s - interval '1 day'
               THEN count(*) FILTER (WHERE d.seen_at >= looked.since)
                    / (extract(epoch FROM %(now)s - looked.since) / 86400)
       END AS a_day
  FROM finfleet.targets AS t
  JOIN finfleet.deliveries AS d ON d.target_id = t.target_id AND d.version <> ''
 CROSS JOIN LATERAL (
           SELECT greatest(%(since)s, min(f.seen_at) + interval '1 hour') AS since
             FROM finfleet.deliveries AS f
            WHERE f.target_id = t.target_id
              AND f.version <> ''
       ) AS looked
 WHERE t.enabled
 GROUP BY t.target_id, looked.since

-- name: newest_files
-- Of each target that reads what is delivered: the files of the newest version of which the sizes are told. Of one that
-- was only seen not all are named, where they are very many.
SELECT DISTINCT ON (t.target_id) t.provider, t.account, t.region, t.service, d.files
  FROM finfleet.targets AS t
  JOIN finfleet.deliveries AS d ON d.target_id = t.target_id AND d.version <> ''
 WHERE t.enabled
   AND (d.read_at IS NOT NULL OR jsonb_array_length(d.files) < 500)
   AND NOT EXISTS (SELECT FROM jsonb_array_elements(d.files) AS f WHERE jsonb_typeof(f -> 'size') IS DISTINCT FROM 'number')
 ORDER BY t.target_id, d.seen_at DESC, d.period_start DESC

-- name: metered
-- Of every provider, service and API: what the readings that reported since then took.
SELECT t.provider, t.service, used.api, sum(used.calls)::bigint AS calls,
       CASE WHEN count(*) = count(used.cost_usd) THEN sum(used.cost_usd) END AS cost_usd
  FROM finfleet.runs AS r
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN LATERAL jsonb_to_recordset(r.apis || r.summed_apis) AS used(api text, calls bigint, cost_usd numeric)
 WHERE r.reported_at >= %(since)s
 GROUP BY t.provider, t.service, used.api

-- name: planned
-- Of every target: readings that fell due since then (windows that were opened, and settled ones that were to be read
-- again; of a target that reads what is delivered, versions that were seen), windows of them that were never read, readings that reported, and attempts that no report came of. Of a window
-- that is folded nobody knows any more when it was opened: when it was delivered, or the back-fill was asked for, it was due.
SELECT t.provider, t.account, t.region, t.service, t.interval_seconds, t.enabled,
       CASE
           WHEN t.delivered THEN (
               SELECT count(*)
                 FROM finfleet.deliveries AS d
                WHERE d.target_id = t.target_id
                  AND d.version <> ''
                  AND d.seen_at >= %(since)s
                  AND d.seen_at < %(now)s
           )
           ELSE coalesce(opened.windows, 0) + folded.windows
       END AS opened,
       coalesce(opened.unread, 0) + folded.unread AS unread,
       coalesce(opened.lost, 0) AS lost,
       folded.again + (
           SELECT count(*)
             FROM unnest(%(services)s::text[], %(offsets)s::int[]) AS again(service, seconds)
             JOIN finfleet.collections AS c
               ON c.target_id = t.target_id
              AND c.window_end + make_interval(secs => again.seconds) >= %(since)s
              AND c.window_end + make_interval(secs => again.seconds) < %(now)s
              AND c.planned_at < c.window_end + make_interval(secs => again.seconds)
            WHERE again.service = concat_ws('/', t.provider, t.service)
       ) AS again,
       coalesce(reported.runs, 0) AS reported
  FROM finfleet.targets AS t
  LEFT JOIN (
           SELECT target_id, count(*) AS runs FROM finfleet.runs WHERE reported_at >= %(since)s GROUP BY target_id
       ) AS reported USING (target_id)
  LEFT JOIN (
           SELECT c.target_id,
                  count(*) FILTER (WHERE c.planned_at >= %(since)s AND c.planned_at < %(now)s) AS windows,
                  count(*) FILTER (
                      WHERE c.planned_at >= %(since)s AND c.planned_at < %(now)s AND c.records IS NULL
                  ) AS unread,
                  sum(c.lost) AS lost
             FROM finfleet.collections AS c
            GROUP BY c.target_id
       ) AS opened USING (target_id)
 CROSS JOIN LATERAL (
           SELECT coalesce(sum(due.windows), 0)::bigint AS windows,
                  coalesce(sum(due.windows) FILTER (WHERE f.state IN ('denied', 'failed')), 0)::bigint AS unread,
                  coalesce(sum(due.again), 0)::bigint AS again
             FROM finfleet.folded_windows AS f
             LEFT JOIN finfleet.backfills AS b USING (backfill_id)
            CROSS JOIN LATERAL (
                      SELECT CASE
                                 WHEN b.asked_at IS NULL THEN {folded.began_in}
                                 WHEN b.asked_at >= %(since)s AND b.asked_at < %(now)s THEN f.windows
                                 ELSE 0
                             END AS windows,
                             (
                                 SELECT sum({folded.began_in})
                                   FROM unnest(%(services)s::text[], %(offsets)s::int[]) AS again(service, seconds)
                                  CROSS JOIN LATERAL (
                                            SELECT make_interval(secs => f.seconds + again.seconds) AS later
                                        ) AS after
                                  CROSS JOIN LATERAL (
                                            SELECT greatest(%(since)s, b.asked_at + interval '1 microsecond') - after.later
                                                       AS since,
                                                   %(now)s - after.later AS until
                                        ) AS span
                                  WHERE again.service = concat_ws('/', t.provider, t.service)
                             ) AS again
                        FROM (
                                 SELECT %(since)s - delivered.later AS since, %(now)s - delivered.later AS until
                                   FROM (SELECT make_interval(secs => f.seconds + t.delay_seconds) AS later) AS delivered
                             ) AS span
                  ) AS due
            WHERE f.target_id = t.target_id
              AND (
                      f.backfill_id <> 0
                      OR upper(f.ranges) >= %(since)s - make_interval(secs => greatest(
                             t.delay_seconds, (SELECT max(later) FROM unnest(%(offsets)s::int[]) AS later)
                         ))
                  )
       ) AS folded
