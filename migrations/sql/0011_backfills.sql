CREATE TABLE finfleet.backfills (
    backfill_id integer GENERATED ALWAYS AS IDENTITY,
    asked_at timestamptz NOT NULL,
    origin text NOT NULL,
    budget_usd numeric,
    cancelled_at timestamptz,
    CONSTRAINT backfills_pkey PRIMARY KEY (backfill_id),
    CONSTRAINT backfills_origin_check CHECK (origin IN ('command', 'configuration'))
);

CREATE TABLE finfleet.backfill_targets (
    backfill_id integer NOT NULL,
    target_id integer NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    usd_per_window numeric,
    CONSTRAINT backfill_targets_pkey PRIMARY KEY (backfill_id, target_id),
    CONSTRAINT backfill_targets_backfill_id_fkey FOREIGN KEY (backfill_id) REFERENCES finfleet.backfills (backfill_id),
    CONSTRAINT backfill_targets_target_id_fkey FOREIGN KEY (target_id) REFERENCES finfleet.targets (target_id)
);
CREATE INDEX backfill_targets_target_id_idx ON finfleet.backfill_targets (target_id);

ALTER TABLE finfleet.collections
    ADD COLUMN backfill_id integer,
    ADD COLUMN backfilled_from text;
CREATE INDEX collections_backfill_idx ON finfleet.collections (backfill_id, state) WHERE backfill_id IS NOT NULL;
