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
       x.start, make_interval(secs => s.period), u.value, r.source, d.day
  FROM finfleet.sealed_points AS d
  JOIN finfleet.series AS s USING (series_id)
  JOIN finfleet.resources AS r USING (resource_id)
  LEFT JOIN :hot_days AS hot USING (day)
 CROSS JOIN LATERAL unnest(d.values || d.more_values, d.seconds) WITH ORDINALITY AS u(value, at, place)
 CROSS JOIN LATERAL (
           SELECT to_timestamp((d.day - date '1970-01-01') * 86400::float8
                               + coalesce(u.at, d.first_second + (u.place - 1) * d.step_seconds)) AS start
       ) AS x
 WHERE u.value IS NOT NULL
   AND (
           hot.day IS NULL
           OR NOT EXISTS (SELECT FROM finfleet.points AS p WHERE p.series_id = d.series_id AND p.start = x.start)
       );

COMMENT ON VIEW reporting.resource_metrics IS
    'Measured values, a row for each resource, metric, statistic and start. A value that is missing has no row: that'
    ' is not zero. Name a range of start, and of day as well: start leads to the days that are read of the last two or'
    ' three, day to those of older ones. Over long times read reporting.metric_hourly or reporting.metric_daily.';
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
