-- The windows before that time, as folding has them: a row a target, month and reason.

INSERT INTO finfleet.folded_windows
       (target_id, month, seconds, phase, backfill_id, state, reason, error, permission, partial, refused, ranges,
        windows, records, attempt)
SELECT w.target_id, date_trunc('month', w.window_start, 'UTC')::date, w.interval_seconds, 0, 0, w.state,
       md5(jsonb_build_array(w.error, w.permission, w.partial, w.refused)::text)::uuid,
       w.error, w.permission, w.partial, w.refused, range_agg(tstzrange(w.window_start, w.window_end)),
       count(*), coalesce(sum(w.records), 0), max(w.attempt)
  FROM ({windows}) AS w
 WHERE w.window_start < %(rows_since)s AND w.interval_seconds = 300
 GROUP BY w.target_id, date_trunc('month', w.window_start, 'UTC')::date, w.interval_seconds, w.state, w.error,
          w.permission, w.partial, w.refused
