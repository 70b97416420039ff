-- Whoever goes back has them made again as they were.
DROP VIEW IF EXISTS reporting.deliveries, reporting.gaps, reporting.cost_sources CASCADE;
DROP TABLE finfleet.deliveries;
ALTER TABLE finfleet.bills DROP COLUMN version;
ALTER TABLE finfleet.targets DROP COLUMN delivered;
