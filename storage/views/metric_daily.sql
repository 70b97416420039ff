-- Of a series and day there is a rollup; or there are points that are not sealed; or both, since points came late: then
-- it is made anew of what is sealed and what came. Where the points that a rollup is of were forgotten, the rollup
-- counts, whatever comes late. Sums are in the order of the starts, in all of them.
CREATE VIEW reporting.metric_daily AS
SELECT d.provider, d.account, d.region, d.service, d.resource_id, d.name,
       d.metric, d.source_metric, d.unit, d.statistic,
       d.day, make_interval(secs => d.period) AS period, d.count,
       CASE WHEN d.period BETWEEN 1 AND 86400 THEN 86400 / d.period END AS expected,
       d.sum, CASE WHEN d.sum = 0 OR abs(d.sum) >= 1e-300 THEN d.sum / d.count END AS average,
       d.minimum, d.maximum, d.last, d.source
  FROM (
           SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
                  s.metric, s.source_metric, s.unit, s.statistic, s.period, r.source,
                  d.day, d.count, d.sum, d.minimum, d.maximum, d.last
             FROM finfleet.points_daily AS d
             JOIN finfleet.series AS s USING (series_id)
             JOIN finfleet.resources AS r USING (resource_id)
             LEFT JOIN :hot_days AS hot USING (day)
            WHERE hot.day IS NULL
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
           UNION ALL
           SELECT g.provider, g.account, g.region, g.service, g.resource_id, g.name,
                  g.metric, g.source_metric, g.unit, g.statistic, g.period, g.source,
                  g.day, g.count, g.sum, g.minimum, g.maximum, g.last
             FROM (
                      SELECT s.series_id, r.provider, r.account, r.region, r.service, r.provider_id AS resource_id,
                             r.name,
                             s.metric, s.source_metric, s.unit, s.statistic, s.period, r.source,
                             hot.day, count(*)::int AS count,
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
                       GROUP BY s.series_id, r.resource_id, hot.day
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
                  d.day, a.count, a.sum, a.minimum, a.maximum, a.last
             FROM finfleet.sealed_points AS d
             JOIN finfleet.series AS s USING (series_id)
             JOIN finfleet.resources AS r USING (resource_id)
             JOIN :hot_days AS hot USING (day)
            CROSS JOIN LATERAL (
                      SELECT count(*)::int AS count,
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
                  ) AS a
            WHERE EXISTS (
                      SELECT
                        FROM finfleet.points AS p
                       WHERE p.series_id = d.series_id
                         AND p.start >= d.day::timestamp AT TIME ZONE 'UTC'
                         AND p.start < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
                  )
       ) AS d;

COMMENT ON VIEW reporting.metric_daily IS
    'Measured values by day in UTC, a row for each resource, metric and statistic that has a value in it; kept for'
    ' retention.daily. Name a range of day: it leads to what is read.';
COMMENT ON COLUMN reporting.metric_daily.provider IS :'provider';
COMMENT ON COLUMN reporting.metric_daily.account IS :'provider_account';
COMMENT ON COLUMN reporting.metric_daily.region IS :'region';
COMMENT ON COLUMN reporting.metric_daily.service IS :'service';
COMMENT ON COLUMN reporting.metric_daily.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.metric_daily.name IS :'name';
COMMENT ON COLUMN reporting.metric_daily.metric IS :'metric';
COMMENT ON COLUMN reporting.metric_daily.source_metric IS :'source_metric';
COMMENT ON COLUMN reporting.metric_daily.unit IS :'unit';
COMMENT ON COLUMN reporting.metric_daily.statistic IS :'statistic';
COMMENT ON COLUMN reporting.metric_daily.day IS 'The day, in UTC. Name it: what is read is found by it.';
COMMENT ON COLUMN reporting.metric_daily.period IS :'rollup_period';
COMMENT ON COLUMN reporting.metric_daily.count IS
    'How many values there are. The day is whole where it is expected; a day that is not over has fewer.';
COMMENT ON COLUMN reporting.metric_daily.expected IS :'rollup_expected';
COMMENT ON COLUMN reporting.metric_daily.sum IS :'rollup_sum';
COMMENT ON COLUMN reporting.metric_daily.average IS :'rollup_average';
COMMENT ON COLUMN reporting.metric_daily.minimum IS :'rollup_minimum';
COMMENT ON COLUMN reporting.metric_daily.maximum IS :'rollup_maximum';
COMMENT ON COLUMN reporting.metric_daily.last IS :'rollup_last';
COMMENT ON COLUMN reporting.metric_daily.source IS :'metric_source';
