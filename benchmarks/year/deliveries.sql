-- Two versions of each month of each bill, as files would bring them: the second one is the newer.

INSERT INTO finfleet.deliveries
       (target_id, period_start, version, period_end, submitted_at, seen_at, last_seen_at, read_at, rows_read, totals)
SELECT t.target_id, m.start, md5(concat_ws('/', t.target_id, m.start, v)), m.start + interval '1 month',
       m.start + make_interval(days => 10 * v), m.start + make_interval(days => 10 * v), %(now)s,
       m.start + make_interval(days => 10 * v), 1000, '{"USD": 1000.5}'
  FROM finfleet.targets AS t
 CROSS JOIN generate_series(
           date_trunc('month', %(since)s::timestamptz, 'UTC'), %(now)s::timestamptz, interval '1 month'
       ) AS m(start)
 CROSS JOIN generate_series(1, 2) AS v
 WHERE t.service IN ('cost', 'billing')
