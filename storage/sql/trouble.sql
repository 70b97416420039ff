-- What finfleet status takes for trouble, of enabled targets. Each is served by a small index, or asks once per target.

-- name: late
-- How far each target is behind what should be there by now. That time begins where it is covered, or was enabled, or
-- where its last pause ended; open_since is when the first window of it was opened, null where none was.
SELECT t.provider, t.account, t.region, t.service, t.queue,
       make_interval(secs => t.interval_seconds) AS interval,
       newest.window_end AS covered_until,
       greatest(due.until - begins.at, interval '0') AS lag,
       %(now)s - least(first.planned_at, folded.planned_at) AS open_for,
       t.denied_until IS NOT NULL AS denied, t.denied_permission AS permission, t.denied_error AS error
  FROM finfleet.targets AS t
  LEFT JOIN LATERAL (
           SELECT done.window_end
             FROM finfleet.collections AS done
            WHERE done.target_id = t.target_id
              AND done.records IS NOT NULL
            ORDER BY done.window_start DESC
            LIMIT 1
       ) AS newest ON true
 CROSS JOIN LATERAL (
           -- Of what is delivered nobody knows when it should come: reporting.deliveries says what is late.
           SELECT CASE WHEN NOT {folded.delivered} THEN date_bin(
                      make_interval(secs => t.interval_seconds), %(now)s - make_interval(secs => t.delay_seconds),
                      timestamptz 'epoch'
                  ) END AS until
       ) AS due
 CROSS JOIN LATERAL (
           SELECT greatest(
                      newest.window_end, t.enabled_since,
                      (SELECT max(p.paused_until) FROM finfleet.pauses AS p WHERE p.target_id = t.target_id)
                  ) AS at
       ) AS begins
  LEFT JOIN LATERAL (
           SELECT c.planned_at
             FROM finfleet.collections AS c
            WHERE c.target_id = t.target_id
              AND c.window_start >= begins.at
              AND c.window_end <= due.until
            ORDER BY c.window_start
            LIMIT 1
       ) AS first ON true
  LEFT JOIN LATERAL (
           -- Opened when it was delivered, as far as anybody knows any more.
           SELECT min(lower(f.ranges * tstzmultirange(tstzrange(begins.at, due.until)))
                      + make_interval(secs => f.seconds + t.delay_seconds)) AS planned_at
             FROM finfleet.folded_windows AS f
            WHERE f.target_id = t.target_id
              AND f.state IN ('denied', 'failed')
              AND f.ranges && tstzmultirange(tstzrange(begins.at, due.until))
       ) AS folded ON true
 WHERE t.enabled
 ORDER BY t.provider, t.account, t.region, t.service

-- name: bad
-- Windows that were given up, by target and reason.
SELECT t.provider, t.account, t.region, t.service, c.state, c.permission,
       (array_agg(c.error ORDER BY c.until DESC))[1] AS error,
       sum(c.windows)::bigint AS windows, min(c.since) AS since, max(c.until) AS until
  FROM (
           SELECT target_id, state, permission, error, 1 AS windows, window_start AS since, window_end AS until
             FROM finfleet.collections
            WHERE state IN ('denied', 'failed')
              AND (%(since)s::timestamptz IS NULL OR window_start >= %(since)s)
            UNION ALL
           SELECT target_id, state, permission, error, windows, since, until
             FROM ({folded.since}) AS f
            WHERE state IN ('denied', 'failed')
       ) AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 GROUP BY t.target_id, c.state, c.permission
 ORDER BY c.state, t.provider, t.account, t.region, t.service

-- name: refused
-- Windows that are settled, and lack a part that was refused.
SELECT t.provider, t.account, t.region, t.service, 'refused' AS state,
       (array_agg(c.permission ORDER BY c.until DESC))[1] AS permission,
       (array_agg(c.partial ORDER BY c.until DESC))[1] AS error,
       sum(c.windows)::bigint AS windows, min(c.since) AS since, max(c.until) AS until
  FROM (
           SELECT target_id, permission, partial, 1 AS windows, window_start AS since, window_end AS until
             FROM finfleet.collections
            WHERE refused
              AND (%(since)s::timestamptz IS NULL OR window_start >= %(since)s)
            UNION ALL
           SELECT target_id, permission, partial, windows, since, until FROM ({folded.since}) AS f WHERE refused
       ) AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 GROUP BY t.target_id
 ORDER BY t.provider, t.account, t.region, t.service

-- name: not_read_again
-- Windows that keep what they have, since their last re-reading was denied or has failed.
SELECT t.provider, t.account, t.region, t.service, 'not_read_again' AS state,
       (array_agg(c.permission ORDER BY c.window_start DESC))[1] AS permission,
       (array_agg(c.error ORDER BY c.window_start DESC))[1] AS error,
       count(*) AS windows, min(c.window_start) AS since, max(c.window_end) AS until
  FROM finfleet.collections AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.refresh_at IS NOT NULL
   AND c.state IN ('complete', 'empty')
   AND c.error <> ''
   AND t.enabled
   AND (%(since)s::timestamptz IS NULL OR c.window_start >= %(since)s)
 GROUP BY t.target_id
 ORDER BY t.provider, t.account, t.region, t.service

-- name: lost
-- Windows whose attempts came to nothing more than once: nobody takes them, or whoever does dies of them.
SELECT t.provider, t.account, t.region, t.service, 'lost' AS state, '' AS permission,
       (array_agg(c.error ORDER BY c.lost DESC))[1] AS error,
       count(*) AS windows, min(c.window_start) AS since, max(c.window_end) AS until
  FROM finfleet.collections AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.state IN ('planned', 'dispatched')
   AND c.lost > 1
   AND t.enabled
   AND (%(since)s::timestamptz IS NULL OR c.window_start >= %(since)s)
 GROUP BY t.target_id
 ORDER BY t.provider, t.account, t.region, t.service

-- name: has_deliveries
-- A former release has none.
SELECT to_regclass('reporting.deliveries') IS NOT NULL

-- name: deliveries
-- Periods of bills that are not delivered, and those of which the newest version was seen for a day and not read. What
-- could not be read is among the windows that are denied, failed, or not read again.
SELECT provider, account, export, service, CASE state WHEN 'missing' THEN state ELSE 'unread' END AS bad, '' AS permission,
       (array_agg(reason ORDER BY period_start DESC))[1] AS error,
       count(*) AS windows, min(period_start) AS since, max(period_end) AS until
  FROM reporting.deliveries
 WHERE enabled
   AND (
           state = 'missing'
           OR (state IN ('seen', 'pinned', 'read') AND last_seen_at >= seen_at + interval '1 day')
       )
   AND (%(since)s::timestamptz IS NULL OR period_end > %(since)s)
 GROUP BY provider, account, export, service, bad
 ORDER BY bad, provider, account, export, service

-- name: outbox
-- What waits for each destination, and what it would not take.
SELECT destination,
       count(*) FILTER (WHERE state = 'pending') AS pending,
       count(*) FILTER (WHERE state = 'dead') AS dead,
       extract(epoch FROM %(now)s - min(created_at) FILTER (WHERE state = 'pending'))::double precision AS oldest,
       coalesce(sum(attempts) FILTER (WHERE state = 'pending'), 0)::bigint AS failures,
       coalesce(
           (array_agg(error ORDER BY attempts DESC) FILTER (WHERE state = 'pending' AND error <> ''))[1],
           ''
       ) AS error,
       coalesce((array_agg(error ORDER BY outbox_id DESC) FILTER (WHERE state = 'dead'))[1], '') AS dead_error
  FROM (
           SELECT outbox_id, destination, state, created_at, attempts, error
             FROM finfleet.outbox
            WHERE state = 'pending'
           UNION ALL
           SELECT outbox_id, destination, state, created_at, attempts, error
             FROM finfleet.outbox
            WHERE state = 'dead'
       ) AS unsent
 GROUP BY destination
 ORDER BY destination

-- name: dead_letters
SELECT reason_code, count(*) AS letters
  FROM finfleet.dead_letters
 WHERE replayed_at IS NULL
 GROUP BY reason_code
 ORDER BY letters DESC, reason_code
