-- Of a series and day there is a rollup; or there are points that are not sealed; or both, since points came late: then
-- it is made anew of what is sealed and what came. Where the points that a rollup is of were forgotten, the rollup
-- counts, whatever comes late. Sums are in the order of the starts, in all of them.
CREATE VIEW reporting.metric_hourly AS
SELECT d.provider, d.account, d.region, d.service, d.resource_id, d.name,
       d.metric, d.source_metric, d.unit, d.statistic,
       d.start, d.day, make_interval(secs => d.period) AS period, d.count,
       CASE WHEN d.period BETWEEN 1 AND 3600 THEN 3600 / d.period END AS expected,
       d.sum, CASE WHEN d.sum = 0 OR abs(d.sum) >= 1e-300 THEN d.sum / d.count END AS average,
       d.minimum, d.maximum, d.last, d.source
  FROM (
           SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
                  s.metric, s.source_metric, s.unit, s.statistic, s.period, r.source,
                  (d.day::timestamp + (h.place - 1) * interval '1 hour') AT TIME ZONE 'UTC' AS start, d.day,
                  h.count::int AS count, h.sum, h.minimum, h.maximum, h.last
             FROM finfleet.points_hourly AS d
             JOIN finfleet.series AS s USING (series_id)
             JOIN finfleet.resources AS r USING (resource_id)
             LEFT JOIN :hot_days AS hot USING (day)
            CROSS JOIN LATERAL unnest(d.counts, d.sums, d.minimums, d.maximums, d.lasts) WITH ORDINALITY
                   AS h(count, sum, minimum, maximum, last, place)
            WHERE h.count IS NOT NULL
              AND (
                      hot.day IS NULL
                      OR NOT EXISTS (
                             SELECT
                               FROM finfleet.points AS p
                              WHERE p.series_id = d.series_id
                                AND p.start >= d.day::timestamp AT TIME ZONE 'UTC'
                                AND p.start < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
                         )
                      OR NOT EXISTS (
                             SELECT FROM finfleet.sealed_points AS o WHERE o.series_id = d.series_id AND o.day = d.day
                         )
                  )
           UNION ALL
           SELECT g.provider, g.account, g.region, g.service, g.resource_id, g.name,
                  g.metric, g.source_metric, g.unit, g.statistic, g.period, g.source,
                  g.start, g.day, g.count, g.sum, g.minimum, g.maximum, g.last
             FROM (
                      SELECT s.series_id, r.provider, r.account, r.region, r.service, r.provider_id AS resource_id,
                             r.name,
                             s.metric, s.source_metric, s.unit, s.statistic, s.period, r.source,
                             date_trunc('hour', p.start, 'UTC') AS start, hot.day, count(*)::int AS count,
                             CASE
                                 WHEN max(abs(p.value)) <= 1e300
                                     THEN sum(p.value ORDER BY p.start) FILTER (WHERE abs(p.value) <= 1e300)
                             END AS sum,
                             min(p.value) AS minimum, max(p.value) AS maximum,
                             (array_agg(p.value ORDER BY p.start DESC))[1] AS last
                        FROM :hot_days AS hot
                        JOIN finfleet.points AS p
                          ON p.start >= hot.day::timestamp AT TIME ZONE 'UTC'
                         AND p.start < (hot.day + 1)::timestamp AT TIME ZONE 'UTC'
                        JOIN finfleet.series AS s USING (series_id)
                        JOIN finfleet.resources AS r USING (resource_id)
                       GROUP BY s.series_id, r.resource_id, hot.day, date_trunc('hour', p.start, 'UTC')
                  ) AS g
            WHERE NOT EXISTS (
                      SELECT
                        FROM :hot_days AS hot
                        JOIN (
                                 SELECT series_id, day FROM finfleet.sealed_points
                                 UNION ALL
                                 SELECT series_id, day FROM finfleet.points_daily
                                 UNION ALL
                                 SELECT series_id, day FROM finfleet.points_hourly
                             ) AS o USING (day)
                       WHERE o.series_id = g.series_id AND o.day = g.day
                  )
           UNION ALL
           SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
                  s.metric, s.source_metric, s.unit, s.statistic, s.period, r.source,
                  a.start, d.day, a.count, a.sum, a.minimum, a.maximum, a.last
             FROM finfleet.sealed_points AS d
             JOIN finfleet.series AS s USING (series_id)
             JOIN finfleet.resources AS r USING (resource_id)
             JOIN :hot_days AS hot USING (day)
            CROSS JOIN LATERAL (
                      SELECT date_trunc('hour', b.start, 'UTC') AS start, count(*)::int AS count,
                             CASE
                                 WHEN max(abs(b.value)) <= 1e300
                                     THEN sum(b.value ORDER BY b.start) FILTER (WHERE abs(b.value) <= 1e300)
                             END AS sum,
                             min(b.value) AS minimum, max(b.value) AS maximum,
                             (array_agg(b.value ORDER BY b.start DESC))[1] AS last
                        FROM (
                                 SELECT p.start, p.value
                                   FROM finfleet.points AS p
                                  WHERE p.series_id = d.series_id
                                    AND p.start >= d.day::timestamp AT TIME ZONE 'UTC'
                                    AND p.start < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
                                 UNION ALL
                                 SELECT x.start, u.value
                                   FROM unnest(d.values || d.more_values, d.seconds) WITH ORDINALITY
                                            AS u(value, at, place)
                                  CROSS JOIN LATERAL (
                                            SELECT to_timestamp(
                                                       (d.day - date '1970-01-01') * 86400::float8
                                                       + coalesce(u.at, d.first_second + (u.place - 1) * d.step_seconds)
                                                   ) AS start
                                        ) AS x
                                  WHERE u.value IS NOT NULL
                                    AND NOT EXISTS (
                                            SELECT
                                              FROM finfleet.points AS p
                                             WHERE p.series_id = d.series_id AND p.start = x.start
                                        )
                             ) AS b
                       GROUP BY date_trunc('hour', b.start, 'UTC')
                  ) AS a
            WHERE EXISTS (
                      SELECT
                        FROM finfleet.points AS p
                       WHERE p.series_id = d.series_id
                         AND p.start >= d.day::timestamp AT TIME ZONE 'UTC'
                         AND p.start < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
                  )
       ) AS d;

COMMENT ON VIEW reporting.metric_hourly IS
    'Measured values by hour in UTC, a row for each resource, metric and statistic that has a value in it; kept for'
    ' retention.hourly. Name a range of day: it leads to what is read.';
COMMENT ON COLUMN reporting.metric_hourly.provider IS :'provider';
COMMENT ON COLUMN reporting.metric_hourly.account IS :'provider_account';
COMMENT ON COLUMN reporting.metric_hourly.region IS :'region';
COMMENT ON COLUMN reporting.metric_hourly.service IS :'service';
COMMENT ON COLUMN reporting.metric_hourly.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.metric_hourly.name IS :'name';
COMMENT ON COLUMN reporting.metric_hourly.metric IS :'metric';
COMMENT ON COLUMN reporting.metric_hourly.source_metric IS :'source_metric';
COMMENT ON COLUMN reporting.metric_hourly.unit IS :'unit';
COMMENT ON COLUMN reporting.metric_hourly.statistic IS :'statistic';
COMMENT ON COLUMN reporting.metric_hourly.start IS 'Beginning of the hour, in UTC.';
COMMENT ON COLUMN reporting.metric_hourly.day IS 'Day of the hour, in UTC. Name it: what is read is found by it.';
COMMENT ON COLUMN reporting.metric_hourly.period IS :'rollup_period';
COMMENT ON COLUMN reporting.metric_hourly.count IS
    'How many values there are. The hour is whole where it is expected; one that is not over has fewer.';
COMMENT ON COLUMN reporting.metric_hourly.expected IS :'rollup_expected';
COMMENT ON COLUMN reporting.metric_hourly.sum IS :'rollup_sum';
COMMENT ON COLUMN reporting.metric_hourly.average IS :'rollup_average';
COMMENT ON COLUMN reporting.metric_hourly.minimum IS :'rollup_minimum';
COMMENT ON COLUMN reporting.metric_hourly.maximum IS :'rollup_maximum';
COMMENT ON COLUMN reporting.metric_hourly.last IS :'rollup_last';
COMMENT ON COLUMN reporting.metric_hourly.source IS :'metric_source';
