DROP VIEW IF EXISTS reporting.cost_sources;
ALTER TABLE finfleet.cost_scopes DROP COLUMN provider;
-- What was summed up stays in the summaries, which the former release shows too.
DROP INDEX finfleet.runs_unsummed_idx;
ALTER TABLE finfleet.runs DROP COLUMN summed_apis;
