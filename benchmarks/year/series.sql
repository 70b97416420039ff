-- Five metrics of each resource, one value every five minutes.

INSERT INTO finfleet.series (resource_id, metric, source_metric, unit, statistic, period)
SELECT r.resource_id, m.metric, m.source_metric, m.unit, 'average', 300
  FROM finfleet.resources AS r
 CROSS JOIN (
           VALUES
               ('cpu_utilization', 'CPUUtilization', 'percent'),
               ('memory_utilization', 'mem_used_percent', 'percent'),
               ('network_in', 'NetworkIn', 'bytes'),
               ('network_out', 'NetworkOut', 'bytes'),
               ('disk_read_iops', 'DiskReadOps', 'count_per_second')
       ) AS m(metric, source_metric, unit)
 ORDER BY r.resource_id, m.metric
