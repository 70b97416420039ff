-- With the tables goes what they hold: nobody goes back over a migration in earnest (docs/upgrading.md).
DROP VIEW IF EXISTS reporting.metric_daily, reporting.metric_hourly, reporting.resource_metrics;
DROP TABLE finfleet.sealed_days;
DROP TABLE finfleet.points_daily;
DROP TABLE finfleet.points_hourly;
DROP TABLE finfleet.sealed_points;
