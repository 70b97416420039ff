-- Of a day that is over there are rollups. Of one of which points are not sealed yet they go on with these points, or
-- are made anew where these came late. Each branch joins by itself, so that a filter leads to what it reads.
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
                  a.start, o.day, a.count, a.sum, a.minimum, a.maximum, a.last
             FROM finfleet.points_hourly AS o
             JOIN finfleet.series AS s USING (series_id)
             JOIN finfleet.resources AS r USING (resource_id)
             LEFT JOIN :open_days AS hot USING (day)
            CROSS JOIN LATERAL :rolled_hours AS a
            WHERE hot.day IS NULL
           UNION ALL
           SELECT o.provider, o.account, o.region, o.service, o.resource_id, o.name,
                  o.metric, o.source_metric, o.unit, o.statistic, o.period, o.source,
                  a.start, o.day, a.count, a.sum, a.minimum, a.maximum, a.last
             FROM :open_series AS o
            CROSS JOIN LATERAL (
                      SELECT * FROM :rolled_hours AS a WHERE NOT o.is_late
                      UNION ALL
                      SELECT date_trunc('hour', v.start, 'UTC'), :rollup
                        FROM (SELECT :rollup_of_one FROM :open_values AS v) AS v
                       GROUP BY date_trunc('hour', v.start, 'UTC')
                  ) AS a
       ) AS d;

COMMENT ON VIEW reporting.metric_hourly IS
    'Measured values by hour in UTC, a row for each resource, metric and statistic that has a value in it; kept for'
    ' retention.hourly. Name one resource_id, and a range of day: they lead to what is read. For all'
    ' resources over a long time read reporting.metric_daily.';
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
