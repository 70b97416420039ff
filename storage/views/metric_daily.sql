-- Of a day that is over there are rollups. Of one of which points are not sealed yet they go on with these points, or
-- are made anew where these came late. Each branch joins by itself, so that a filter leads to what it reads.
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
             LEFT JOIN :open_days AS hot USING (day)
            WHERE hot.day IS NULL
           UNION ALL
           SELECT o.provider, o.account, o.region, o.service, o.resource_id, o.name,
                  o.metric, o.source_metric, o.unit, o.statistic, o.period, o.source,
                  o.day, a.count, a.sum, a.minimum, a.maximum, a.last
             FROM :open_series AS o
            CROSS JOIN LATERAL (
                      SELECT :rollup
                        FROM (
                                 SELECT '-infinity' AS start, o.count, o.sum, o.minimum, o.maximum, o.last
                                  WHERE o.count IS NOT NULL AND NOT o.is_late
                                  UNION ALL
                                 SELECT :rollup_of_one FROM :open_values AS v
                             ) AS v
                      HAVING count(*) > 0
                  ) AS a
       ) AS d;

COMMENT ON VIEW reporting.metric_daily IS
    'Measured values by day in UTC, a row for each resource, metric and statistic that has a value in it; kept for'
    ' retention.daily. Name one metric, and a range of day: it leads to what is read.';
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
