-- Takes back what 0009_refused.sql made.

-- They read the columns; they are made again by `finfleet db migrate` of the release that is gone back to.
DROP VIEW IF EXISTS reporting.coverage, reporting.gaps;

ALTER TABLE finfleet.collections DROP COLUMN refused;

ALTER TABLE finfleet.runs DROP COLUMN permission, DROP COLUMN refused;
