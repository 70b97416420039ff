-- Targets whose windows deliveries of bills open, and never the clock.
ALTER TABLE finfleet.targets ADD COLUMN delivered boolean DEFAULT false NOT NULL;

-- Which version of its delivery a run has read whole; empty: none.
ALTER TABLE finfleet.bills ADD COLUMN version text DEFAULT '' NOT NULL;

-- Versions of billing periods of exports -------------------------------------------------------------------------------

CREATE TABLE finfleet.deliveries (
    target_id integer NOT NULL,
    period_start timestamp with time zone NOT NULL,
    version text NOT NULL,
    period_end timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone,
    files jsonb DEFAULT '[]'::jsonb NOT NULL,
    reason text DEFAULT '' NOT NULL,
    read_at timestamp with time zone,
    run_id uuid,
    rows_read bigint,
    bytes_read bigint,
    totals jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT deliveries_pkey PRIMARY KEY (target_id, period_start, version),
    CONSTRAINT deliveries_target_id_fkey FOREIGN KEY (target_id) REFERENCES finfleet.targets (target_id)
);
