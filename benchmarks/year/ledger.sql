-- The windows that are rows: of what is read every five minutes those since a time, of the others all.

INSERT INTO finfleet.collections
       (target_id, window_start, window_end, state, due_at, attempt, planned_at, dispatched_at, settled_at, failed_since,
        refresh_at, newest_attempt, newest_started_at, settled_run, records, error, permission, partial, refused)
SELECT w.target_id, w.window_start, w.window_end, w.state,
       CASE WHEN w.state = 'dispatched' THEN %(now)s + interval '15 minutes' ELSE w.planned_at END,
       w.attempt, w.planned_at, w.planned_at, w.settled_at,
       CASE WHEN w.state = 'failed' OR w.refused THEN w.planned_at - interval '8 days' END,
       -- A bill is read again for weeks.
       CASE WHEN w.good AND w.interval_seconds = 86400 AND w.window_end > %(now)s - interval '20 days'
            THEN %(now)s + interval '6 hours' END,
       CASE WHEN w.good THEN w.attempt ELSE 0 END,
       CASE WHEN w.good THEN w.planned_at END,
       w.settled_run, w.records, w.error, w.permission, w.partial, w.refused
  FROM ({windows}) AS w
 WHERE w.window_start >= %(rows_since)s OR w.interval_seconds > 300
