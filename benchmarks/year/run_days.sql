-- What is left of the runs that are forgotten: of what is read every five minutes, a summary of each former day.

INSERT INTO finfleet.run_days (target_id, month, days)
SELECT t.target_id, date_trunc('month', d.day)::date,
       jsonb_object_agg(
           to_char(d.day, 'DD'),
           jsonb_build_object(
               'outcomes', jsonb_build_object('complete', 288),
               'took', jsonb_build_array(288, 864, 0, (288 * used.usd)::text, 0),
               'batches', 288,
               'records', 28800,
               'apis', jsonb_build_object(
                   concat(t.service, ':List'), jsonb_build_array(288, 576, 0, '0', 0),
                   concat(t.service, ':Read'), jsonb_build_array(288, 288, 0, (288 * used.usd)::text, 0)
               )
           )
       )
  FROM finfleet.targets AS t
 CROSS JOIN LATERAL (SELECT CASE WHEN t.service IN ('ec2', 'rds') THEN 0.01 ELSE 0 END AS usd) AS used
 CROSS JOIN generate_series(
           (%(since)s AT TIME ZONE 'UTC')::date, (%(runs_since)s AT TIME ZONE 'UTC')::date - 1, interval '1 day'
       ) AS d(day)
 WHERE t.interval_seconds = 300
 GROUP BY 1, 2
