DROP VIEW IF EXISTS reporting.metric_daily, reporting.metric_hourly, reporting.resource_metrics;
ALTER TABLE finfleet.sealed_points ALTER COLUMN "values" SET STORAGE MAIN;
UPDATE finfleet.sealed_points SET "values" = "values" || more_values WHERE more_values IS NOT NULL;
ALTER TABLE finfleet.sealed_points DROP COLUMN more_values;
