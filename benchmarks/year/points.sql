-- A day of values: of a fifth random to the last digit, of a fifth two decimals, of two fifths integers to a million, of
-- a fifth mostly zero. Each fiftieth machine idles.

INSERT INTO finfleet.points (series_id, start, value)
SELECT s.series_id, to_timestamp(number * 300),
       CASE s.kind
           WHEN 1 THEN draw %% s.busy / 100.0::float8
           WHEN 2 THEN draw / 21474836.48::float8
           WHEN 5 THEN CASE WHEN draw %% 20 = 0 THEN draw %% 1000 ELSE 0 END
           ELSE draw %% 1000000
       END
  FROM (
           SELECT s.series_id, s.series_id * 1000003::bigint AS salt,
                  array_position(
                      ARRAY['cpu_utilization', 'memory_utilization', 'network_in', 'network_out', 'disk_read_iops'],
                      s.metric
                  ) AS kind,
                  CASE WHEN s.resource_id %% 50 = 0 THEN 400 ELSE 10000 END AS busy
             FROM finfleet.series AS s
             JOIN finfleet.resources AS r USING (resource_id)
            WHERE r.last_seen > %(day)s
            ORDER BY s.series_id
           OFFSET 0
       ) AS s
 CROSS JOIN generate_series(%(first)s::bigint, %(last)s::bigint) AS number
 CROSS JOIN LATERAL (SELECT hashint8(s.salt + number) & 2147483647 AS draw) AS d
