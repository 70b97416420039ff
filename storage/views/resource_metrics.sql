-- A point is in one of two places, or in both where it came again after its day was sealed: then that of points counts.
CREATE VIEW reporting.resource_metrics AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       s.metric, s.source_metric, s.unit, s.statistic,
       p.start, make_interval(secs => s.period) AS period, p.value, r.source,
       (p.start AT TIME ZONE 'UTC')::date AS day
  FROM finfleet.points AS p
  JOIN finfleet.series AS s USING (series_id)
  JOIN finfleet.resources AS r USING (resource_id)
UNION ALL
SELECT r.provider, r.account, r.region, r.service, r.provider_id, r.name,
       s.metric, s.source_metric, s.unit, s.statistic,
       v.start, make_interval(secs => s.period), v.value, r.source, x.day
  FROM finfleet.sealed_points AS x
  JOIN finfleet.series AS s USING (series_id)
  JOIN finfleet.resources AS r USING (resource_id)
  LEFT JOIN :open_days AS hot USING (day)
 CROSS JOIN LATERAL :sealed_values AS v
 WHERE hot.day IS NULL
    OR NOT EXISTS (SELECT FROM finfleet.points AS p WHERE p.series_id = x.series_id AND p.start = v.start);

COMMENT ON VIEW reporting.resource_metrics IS
    'Measured values, a row for each resource, metric, statistic and start. A value that is missing has no row: that'
    ' is not zero. Name one resource_id, and a range of start, and of day as well: start leads to what is read of the'
    ' last hours, day to what is older. For all resources, or over a long time, read reporting.metric_hourly or'
    ' reporting.metric_daily.';
COMMENT ON COLUMN reporting.resource_metrics.provider IS :'provider';
COMMENT ON COLUMN reporting.resource_metrics.account IS :'provider_account';
COMMENT ON COLUMN reporting.resource_metrics.region IS :'region';
COMMENT ON COLUMN reporting.resource_metrics.service IS :'service';
COMMENT ON COLUMN reporting.resource_metrics.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.resource_metrics.name IS :'name';
COMMENT ON COLUMN reporting.resource_metrics.metric IS :'metric';
COMMENT ON COLUMN reporting.resource_metrics.source_metric IS :'source_metric';
COMMENT ON COLUMN reporting.resource_metrics.unit IS :'unit';
COMMENT ON COLUMN reporting.resource_metrics.statistic IS :'statistic';
COMMENT ON COLUMN reporting.resource_metrics.start IS
    'UTC. The value speaks of the time from start, included, to start + period, excluded.';
COMMENT ON COLUMN reporting.resource_metrics.period IS 'Length of the time that the value speaks of.';
COMMENT ON COLUMN reporting.resource_metrics.value IS 'The value, in unit. Never null.';
COMMENT ON COLUMN reporting.resource_metrics.source IS :'metric_source';
COMMENT ON COLUMN reporting.resource_metrics.day IS
    'The day of start, in UTC. Name it beside start: older days are found by it.';
