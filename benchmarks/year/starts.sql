-- When these prices were read.

INSERT INTO finfleet.rate_starts (start, period, phase)
SELECT start, 300, 0
  FROM generate_series(
           date_trunc('day', %(since)s, 'UTC'), %(rates_since)s - interval '5 minutes', interval '5 minutes'
       ) AS start
