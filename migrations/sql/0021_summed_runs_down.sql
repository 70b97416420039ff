-- What was summed up stays in the summaries, which the former release shows too.
DROP INDEX finfleet.runs_unsummed_idx;
ALTER TABLE finfleet.runs DROP COLUMN summed_apis;
