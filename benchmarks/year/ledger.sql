-- Every window of the year. The newest of each target is out, and the others are settled: almost all of them well. Few
-- have failed long ago, lack something, or lack a part that was refused; none of it is tried again by now.

INSERT INTO finfleet.collections
       (target_id, window_start, window_end, state, due_at, attempt, planned_at, dispatched_at, settled_at, failed_since,
        refresh_at, newest_attempt, newest_started_at, settled_run, records, error, permission, partial, refused)
SELECT t.target_id, w.window_start, w.window_end, k.state,
       CASE WHEN k.state = 'dispatched' THEN %(now)s + interval '15 minutes' ELSE w.planned_at END,
       w.attempt, w.planned_at, w.planned_at,
       CASE WHEN k.state <> 'dispatched' THEN w.planned_at + interval '20 seconds' END,
       CASE WHEN k.state = 'failed' OR k.refused THEN w.planned_at - interval '8 days' END,
       -- A bill is read again for weeks.
       CASE WHEN k.good AND t.interval_seconds = 86400 AND w.window_end > %(now)s - interval '20 days'
            THEN %(now)s + interval '6 hours' END,
       CASE WHEN k.good THEN w.attempt ELSE 0 END,
       CASE WHEN k.good THEN w.planned_at END,
       CASE WHEN k.good THEN md5(concat_ws('/', t.target_id, number, w.attempt))::uuid END,
       CASE k.state WHEN 'complete' THEN 1200 WHEN 'empty' THEN 0 END,
       CASE k.state WHEN 'failed' THEN 'Unavailable: the service did not answer' WHEN 'denied' THEN 'AccessDenied'
                    ELSE '' END,
       CASE WHEN k.state = 'denied' OR k.refused THEN 'lambda:ListFunctions' ELSE '' END,
       CASE WHEN k.refused THEN 'prices of instances: refused' WHEN k.lacks THEN 'metrics of 3 instances: late'
            ELSE '' END,
       k.refused
  FROM finfleet.targets AS t
 CROSS JOIN generate_series(
           date_part('epoch', t.enabled_since)::bigint / t.interval_seconds,
           date_part('epoch', t.planned_until)::bigint / t.interval_seconds - 1
       ) AS number
 CROSS JOIN LATERAL (
           SELECT to_timestamp(number * t.interval_seconds) AS window_start,
                  to_timestamp((number + 1) * t.interval_seconds) AS window_end,
                  to_timestamp((number + 1) * t.interval_seconds + t.delay_seconds) AS planned_at,
                  (t.target_id * 7919 + number) %% 2000 AS draw,
                  -- Each tenth day of a bill was read twice.
                  CASE WHEN t.service IN ('cost', 'billing') AND number %% 10 = 0 THEN 2 ELSE 1 END AS attempt
       ) AS w
 CROSS JOIN LATERAL (
           SELECT CASE
                      WHEN w.window_end >= t.planned_until THEN 'dispatched'
                      WHEN t.denied_until IS NOT NULL AND w.window_end > %(now)s - interval '1 day' THEN 'denied'
                      WHEN w.draw = 1 THEN 'failed'
                      WHEN w.draw %% 97 = 0 AND t.interval_seconds = 300 THEN 'empty'
                      ELSE 'complete'
                  END AS state
       ) AS s
 CROSS JOIN LATERAL (
           SELECT s.state, s.state IN ('complete', 'empty') AS good,
                  s.state = 'complete' AND w.draw IN (2, 3) AS lacks,
                  s.state = 'complete' AND w.draw = 4 AS refused
       ) AS k
