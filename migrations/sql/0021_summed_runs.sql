-- What the summary of a day has of a run already lies apart from what it has not: whoever forgets a run, of this release
-- or a former one, adds the rest.
ALTER TABLE finfleet.runs ADD COLUMN summed_apis jsonb NOT NULL DEFAULT '[]';
CREATE INDEX runs_unsummed_idx ON finfleet.runs (target_id, started_at) WHERE apis <> '[]'::jsonb;

-- A bill that was written by somebody else says whose charges it has: they may be told by that provider's own, too.
ALTER TABLE finfleet.cost_scopes ADD COLUMN provider text NOT NULL DEFAULT '';
