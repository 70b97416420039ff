-- New tables alone: what cost_rates holds is folded by maintenance, a little at a time.

CREATE TABLE finfleet.rate_intervals (
    resource_id integer NOT NULL,
    period integer NOT NULL,
    start timestamptz NOT NULL,
    until timestamptz NOT NULL,
    phase integer NOT NULL,
    month date NOT NULL,
    amount numeric NOT NULL,
    currency text NOT NULL,
    basis text NOT NULL,
    resource_type text NOT NULL,
    CONSTRAINT rate_intervals_pkey PRIMARY KEY (resource_id, period, start),
    CONSTRAINT rate_intervals_range_check CHECK (until > start)
);
CREATE INDEX rate_intervals_until_idx ON finfleet.rate_intervals (until);
CREATE INDEX rate_intervals_month_idx ON finfleet.rate_intervals (month);

CREATE TABLE finfleet.rate_starts (
    start timestamptz NOT NULL,
    period integer NOT NULL,
    phase integer NOT NULL,
    month date NOT NULL,
    CONSTRAINT rate_starts_pkey PRIMARY KEY (start, period)
);

INSERT INTO finfleet.locks (name) VALUES ('rates');
