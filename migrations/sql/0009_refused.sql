-- What a window lacks because a part of it was refused, and may be there at another time ------------------------------

-- A run may settle its window when its last batch comes after its report: what the report says is kept with the run.
ALTER TABLE finfleet.runs
    ADD COLUMN permission text DEFAULT '' NOT NULL,
    ADD COLUMN refused boolean DEFAULT false NOT NULL;

ALTER TABLE finfleet.collections ADD COLUMN refused boolean DEFAULT false NOT NULL;

CREATE INDEX collections_refused_idx ON finfleet.collections (target_id, window_start) WHERE refused;
