-- Every window of the year, as the ledger has it; a part of other statements. The newest of each target is out, and the
-- others are settled: almost all of them well. Few have failed long ago, lack something, or lack a part that was refused;
-- none of it is tried again by now.

SELECT t.target_id, t.service, t.interval_seconds, w.number, w.window_start, w.window_end, w.planned_at, w.attempt, k.*,
       CASE WHEN k.state <> 'dispatched' THEN w.planned_at + interval '20 seconds' END AS settled_at,
       CASE WHEN k.good THEN md5(concat_ws('/', t.target_id, w.number, w.attempt))::uuid END AS settled_run,
       CASE k.state WHEN 'complete' THEN 1200 WHEN 'empty' THEN 0 END AS records,
       CASE k.state WHEN 'failed' THEN 'Unavailable: the service did not answer' WHEN 'denied' THEN 'AccessDenied'
                    ELSE '' END AS error,
       CASE WHEN k.state = 'denied' OR k.refused THEN 'lambda:ListFunctions' ELSE '' END AS permission,
       CASE WHEN k.refused THEN 'prices of instances: refused' WHEN k.lacks THEN 'metrics of 3 instances: late'
            ELSE '' END AS partial
  FROM finfleet.targets AS t
 CROSS JOIN LATERAL (
           SELECT number, to_timestamp(number * t.interval_seconds) AS window_start,
                  to_timestamp((number + 1) * t.interval_seconds) AS window_end,
                  to_timestamp((number + 1) * t.interval_seconds + t.delay_seconds) AS planned_at,
                  (t.target_id * 7919 + number) %% 2000 AS draw,
                  -- Each tenth day of a bill was read twice.
                  CASE WHEN t.service IN ('cost', 'billing') AND number %% 10 = 0 THEN 2 ELSE 1 END AS attempt
             FROM generate_series(
                      date_part('epoch', t.enabled_since)::bigint / t.interval_seconds,
                      date_part('epoch', t.planned_until)::bigint / t.interval_seconds - 1
                  ) AS number
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
