-- The runs that settled the windows: of what is read every five minutes those of the last month, of the others all.

INSERT INTO finfleet.runs
       (run_id, target_id, window_start, window_end, attempt, started_at, batches_committed, records_committed,
        reported_at, finished_at, outcome, batches_expected, calls, throttles, api_cost_usd, apis, partial, permission,
        refused)
SELECT w.settled_run, w.target_id, w.window_start, w.window_end, w.attempt, w.planned_at, 1, w.records,
       w.settled_at, w.settled_at, w.state, 1, 3, 0, used.usd,
       jsonb_build_array(
           jsonb_build_object('api', concat(w.service, ':List'), 'calls', 2, 'throttles', 0, 'cost_usd', '0'),
           jsonb_build_object('api', concat(w.service, ':Read'), 'calls', 1, 'throttles', 0, 'cost_usd', used.usd::text)
       ),
       w.partial, w.permission, w.refused
  FROM ({windows}) AS w
 CROSS JOIN LATERAL (SELECT CASE WHEN w.service IN ('ec2', 'rds', 'cost') THEN 0.01 ELSE 0 END AS usd) AS used
 WHERE w.good AND (w.window_start >= %(runs_since)s OR w.interval_seconds > 300)
 UNION ALL
-- What was said of a bill before it was restated.
SELECT md5(concat_ws('/', w.target_id, w.number, 1))::uuid, w.target_id, w.window_start, w.window_end, 1,
       w.planned_at - interval '6 hours', 1, w.records, w.settled_at - interval '6 hours',
       w.settled_at - interval '6 hours', 'complete', 1, 3, 0, 0, '[]', '', '', false
  FROM ({windows}) AS w
 WHERE w.good AND w.attempt = 2
