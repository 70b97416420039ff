-- What the planner's metrics show. Each is served by a small index, or asks once per target: a ledger of years costs
-- no more than one of an hour.

-- name: open_windows
-- How long the oldest window that is due has waited, in seconds; null where none is due.
SELECT t.provider, c.state, count(*) AS windows,
       max(greatest(0, extract(epoch FROM %(now)s - c.due_at)))
           FILTER (WHERE c.state = 'planned' AND c.due_at <= %(now)s)::double precision AS oldest_due
  FROM finfleet.collections AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.state IN ('planned', 'dispatched')
   AND t.enabled
 GROUP BY t.provider, c.state

-- name: bad_windows
SELECT t.provider, c.state, sum(c.windows)::bigint AS windows
  FROM (
           SELECT target_id, state, 1 AS windows FROM finfleet.collections WHERE state IN ('denied', 'failed')
            UNION ALL
           SELECT target_id, state, windows FROM finfleet.folded_windows WHERE state IN ('denied', 'failed')
       ) AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 GROUP BY t.provider, c.state

-- name: refused_windows
-- Settled without a part that was refused.
SELECT t.provider, sum(c.windows)::bigint AS windows
  FROM (
           SELECT target_id, 1 AS windows FROM finfleet.collections WHERE refused
            UNION ALL
           SELECT target_id, windows FROM finfleet.folded_windows WHERE refused
       ) AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 GROUP BY t.provider

-- name: lags
-- Of enabled targets: from the end of what is covered to the end of what should be delivered by now, in seconds.
SELECT t.provider, t.service, count(*) AS targets,
       count(*) FILTER (WHERE t.denied_until IS NOT NULL) AS denied,
       coalesce(max(
           greatest(
               0,
               extract(
                   epoch FROM date_bin(
                       make_interval(secs => t.interval_seconds), %(now)s - make_interval(secs => t.delay_seconds),
                       timestamptz 'epoch'
                   ) - coalesce(newest.window_end, t.enabled_since)
               )
           )
       ) FILTER (WHERE NOT t.delivered), 0)::double precision AS lag
  FROM finfleet.targets AS t
  LEFT JOIN LATERAL (
           SELECT done.window_end
             FROM finfleet.collections AS done
            WHERE done.target_id = t.target_id
              AND done.records IS NOT NULL
            ORDER BY done.window_start DESC
            LIMIT 1
       ) AS newest ON true
 WHERE t.enabled
 GROUP BY t.provider, t.service

-- name: outbox
SELECT destination, state, count(*) AS entries,
       extract(epoch FROM %(now)s - min(created_at))::double precision AS oldest
  FROM finfleet.outbox
 WHERE state = 'pending'
 GROUP BY destination, state
UNION ALL
SELECT destination, state, count(*) AS entries,
       extract(epoch FROM %(now)s - min(created_at))::double precision AS oldest
  FROM finfleet.outbox
 WHERE state = 'dead'
 GROUP BY destination, state

-- name: dead_letters
SELECT reason_code, count(*) AS letters
  FROM finfleet.dead_letters
 WHERE replayed_at IS NULL
 GROUP BY reason_code
