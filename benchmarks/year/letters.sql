-- Messages that wait for a person, and as many that were replayed.

INSERT INTO finfleet.dead_letters (body_sha256, body, reason_code, reason, first_seen, last_seen, replayed_at)
SELECT sha256(convert_to(n::text, 'UTF8')), convert_to(repeat('body', 500), 'UTF8'),
       (ARRAY['undecodable', 'too_large', 'unknown_window'])[1 + n %% 3], 'the reason of message ' || n, m.at, m.at,
       CASE WHEN n %% 2 = 0 THEN m.at + interval '1 hour' END
  FROM generate_series(1, %(letters)s::int) AS n
 CROSS JOIN LATERAL (
           SELECT %(since)s + n * ((%(now)s - %(since)s) / (%(letters)s::int + 1)) AS at
       ) AS m
