CREATE VIEW reporting.resource_metrics AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       s.metric, s.source_metric, s.unit, s.statistic,
       p.start, make_interval(secs => s.period) AS period, p.value, r.source
  FROM finfleet.points AS p
  JOIN finfleet.series AS s USING (series_id)
  JOIN finfleet.resources AS r USING (resource_id);

COMMENT ON VIEW reporting.resource_metrics IS
    'Measured values, a row for each resource, metric, statistic and start. A value that is missing has no row: that'
    ' is not zero. Name a range of start: it leads to the days that are read.';
COMMENT ON COLUMN reporting.resource_metrics.provider IS :'provider';
COMMENT ON COLUMN reporting.resource_metrics.account IS :'provider_account';
COMMENT ON COLUMN reporting.resource_metrics.region IS :'region';
COMMENT ON COLUMN reporting.resource_metrics.service IS :'service';
COMMENT ON COLUMN reporting.resource_metrics.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.resource_metrics.name IS :'name';
COMMENT ON COLUMN reporting.resource_metrics.metric IS
    'The metric by its common name: cpu_utilization, memory_utilization, network_in ...';
COMMENT ON COLUMN reporting.resource_metrics.source_metric IS 'The provider''s own name of it: CPUUtilization ...';
COMMENT ON COLUMN reporting.resource_metrics.unit IS 'Unit of the value: percent (0 to 100), bytes, count ...';
COMMENT ON COLUMN reporting.resource_metrics.statistic IS
    'What the value is over its period: average, sum, minimum, maximum, sample_count, p95 ...; gauge: a reading of'
    ' one moment.';
COMMENT ON COLUMN reporting.resource_metrics.start IS
    'UTC. The value speaks of the time from start, included, to start + period, excluded.';
COMMENT ON COLUMN reporting.resource_metrics.period IS 'Length of the time that the value speaks of.';
COMMENT ON COLUMN reporting.resource_metrics.value IS 'The value, in unit. Never null.';
COMMENT ON COLUMN reporting.resource_metrics.source IS
    'The source that pushed the value (generic.sources); empty for what finfleet collects.';
