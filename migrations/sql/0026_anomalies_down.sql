DROP FUNCTION IF EXISTS reporting.anomaly_resources;
DROP VIEW IF EXISTS reporting.anomalies, reporting.forecasts;
DROP TABLE finfleet.forecast_looks;
DROP TABLE finfleet.forecasts;
DROP TABLE finfleet.anomaly_looks;
DROP TABLE finfleet.anomaly_notes;
DROP TABLE finfleet.anomalies;
