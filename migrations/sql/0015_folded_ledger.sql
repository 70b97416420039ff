CREATE TABLE finfleet.folded_windows (
    target_id integer NOT NULL,
    month date NOT NULL,
    seconds integer NOT NULL,
    phase integer NOT NULL,
    backfill_id integer NOT NULL,
    state text NOT NULL,
    reason uuid NOT NULL,
    error text NOT NULL,
    permission text NOT NULL,
    partial text NOT NULL,
    refused boolean NOT NULL,
    ranges tstzmultirange NOT NULL,
    windows integer NOT NULL,
    records bigint,
    attempt integer NOT NULL,
    spent_usd numeric DEFAULT 0 NOT NULL,
    unpriced integer DEFAULT 0 NOT NULL,
    CONSTRAINT folded_windows_pkey PRIMARY KEY (target_id, month, seconds, phase, backfill_id, state, reason),
    CONSTRAINT folded_windows_target_id_fkey FOREIGN KEY (target_id) REFERENCES finfleet.targets (target_id),
    CONSTRAINT folded_windows_state_check CHECK (state IN ('complete', 'empty', 'denied', 'failed')),
    CONSTRAINT folded_windows_windows_check CHECK (windows > 0 AND NOT isempty(ranges))
);
CREATE INDEX folded_windows_bad_idx ON finfleet.folded_windows (target_id, month) WHERE state IN ('denied', 'failed');
CREATE INDEX folded_windows_partial_idx ON finfleet.folded_windows (target_id, month)
    WHERE partial <> '' OR refused;
CREATE INDEX folded_windows_backfill_idx ON finfleet.folded_windows (backfill_id) WHERE backfill_id <> 0;

CREATE TABLE finfleet.run_days (
    target_id integer NOT NULL,
    month date NOT NULL,
    days jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT run_days_pkey PRIMARY KEY (target_id, month),
    CONSTRAINT run_days_target_id_fkey FOREIGN KEY (target_id) REFERENCES finfleet.targets (target_id)
);
