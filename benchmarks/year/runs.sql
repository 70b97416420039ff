-- The runs that settled the windows: of the bills all of them, of the others those of the time that runs are kept.

INSERT INTO finfleet.runs
       (run_id, target_id, window_start, window_end, attempt, started_at, batches_committed, records_committed,
        reported_at, finished_at, outcome, batches_expected, calls, throttles, api_cost_usd, apis, partial, permission,
        refused)
SELECT c.settled_run, c.target_id, c.window_start, c.window_end, c.attempt, c.newest_started_at, 1, c.records,
       c.settled_at, c.settled_at, c.state, 1, 3, 0, used.usd,
       jsonb_build_array(
           jsonb_build_object('api', concat(t.service, ':List'), 'calls', 2, 'throttles', 0, 'cost_usd', 0),
           jsonb_build_object('api', concat(t.service, ':Read'), 'calls', 1, 'throttles', 0, 'cost_usd', used.usd)
       ),
       c.partial, c.permission, c.refused
  FROM finfleet.collections AS c
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN LATERAL (SELECT CASE WHEN t.provider = 'aws' THEN 0.01 ELSE 0 END AS usd) AS used
 WHERE c.settled_run IS NOT NULL
   AND (c.window_start >= %(runs_since)s OR t.interval_seconds > 300)

 UNION ALL
-- What was said of a bill before it was restated.
SELECT md5(concat_ws('/', c.target_id, date_part('epoch', c.window_start)::bigint / 86400, 1))::uuid, c.target_id,
       c.window_start, c.window_end, 1, c.newest_started_at - interval '6 hours', 1, c.records,
       c.settled_at - interval '6 hours', c.settled_at - interval '6 hours', 'complete', 1, 3, 0, 0, '[]', '', '', false
  FROM finfleet.collections AS c
 WHERE c.settled_run IS NOT NULL AND c.attempt = 2
