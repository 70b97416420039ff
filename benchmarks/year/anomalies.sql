-- An anomaly on one day of each week, of two services of an account.

INSERT INTO finfleet.anomalies (anomaly_id, service_name, provider, sub_account_id, billing_currency, kind, first_day,
                                last_day, days, cost, expected, actual, found_at)
SELECT md5(w.week::text)::uuid, s.service_name, 'aws', 'id-of-account-00', 'USD',
       CASE WHEN w.week %% 3 = 0 THEN 'shift' ELSE 'spike' END, d.day, d.day + 2, 3, 'effective_cost',
       100 + w.week, 400 + w.week, d.day + interval '5 days'
  FROM generate_series(0, %(year)s::int / 7) AS w(week)
 CROSS JOIN LATERAL (SELECT ((%(now)s - w.week * interval '7 days' - interval '5 days') AT TIME ZONE 'UTC')::date AS day) AS d
 CROSS JOIN unnest(ARRAY['Compute', 'Storage']) AS s(service_name)
