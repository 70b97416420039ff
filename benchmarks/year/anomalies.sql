-- An anomaly on one day of each week, of two services of an account; and forecasts of each.

WITH forecast AS (
    INSERT INTO finfleet.forecasts (of, provider, name, billing_currency, month, cost, actual, known_days, expected,
                                    expected_days, low, high, method, error, naive_error, tries, left_out, known_until, made_at)
    SELECT f.of, 'aws', 'name-' || n, 'USD', m.month, 'effective_cost', 100 + n, 10, 200 + n, 20, 250, 350, 'level',
           0.04, 0.08, 30, 0, (%(now)s AT TIME ZONE 'UTC')::date - 2, %(now)s
      FROM unnest(ARRAY['all', 'provider', 'account', 'service']) AS f(of)
     CROSS JOIN generate_series(1, 20) AS n
     CROSS JOIN LATERAL generate_series(0, 3) AS ahead
     CROSS JOIN LATERAL (
               SELECT (date_trunc('month', %(now)s AT TIME ZONE 'UTC') + ahead * interval '1 month')::date AS month
           ) AS m
)
INSERT INTO finfleet.anomalies (anomaly_id, service_name, provider, sub_account_id, billing_currency, kind, first_day,
                                last_day, days, cost, expected, actual, found_at)
SELECT md5(w.week::text)::uuid, s.service_name, 'aws', 'id-of-account-00', 'USD',
       CASE WHEN w.week %% 3 = 0 THEN 'shift' ELSE 'spike' END, d.day, d.day + 2, ARRAY[d.day, d.day + 1, d.day + 2], 'effective_cost',
       100 + w.week, 400 + w.week, d.day + interval '5 days'
  FROM generate_series(0, %(year)s::int / 7) AS w(week)
 CROSS JOIN LATERAL (SELECT ((%(now)s - w.week * interval '7 days' - interval '5 days') AT TIME ZONE 'UTC')::date AS day) AS d
 CROSS JOIN unnest(ARRAY['Compute', 'Storage']) AS s(service_name)
