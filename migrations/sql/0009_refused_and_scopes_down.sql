-- Takes back what 0009_refused_and_scopes.sql made.

-- They read what goes; those of the release that is gone back to are made again by its `finfleet db migrate`.
DROP VIEW IF EXISTS
    reporting.coverage, reporting.gaps, reporting.daily_costs, reporting.costs, reporting.cost_breakdowns,
    reporting.cost_sources;

DROP TABLE finfleet.cost_scopes;

DELETE FROM finfleet.locks WHERE name = 'cost_scopes';

ALTER TABLE finfleet.collections DROP COLUMN refused;

ALTER TABLE finfleet.runs DROP COLUMN permission, DROP COLUMN refused;
