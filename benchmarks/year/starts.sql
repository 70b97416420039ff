-- When these prices were read.

INSERT INTO finfleet.rate_starts (start, period, phase, month)
SELECT start, 300, 0, date_trunc('month', start, 'UTC')::date
  FROM generate_series(
           date_trunc('day', %(since)s, 'UTC'), %(rates_since)s - interval '5 minutes', interval '5 minutes'
       ) AS start
