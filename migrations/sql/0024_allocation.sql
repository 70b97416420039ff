-- Versions of the rules, by what they say.
CREATE TABLE finfleet.allocation_rules (
    rules_hash text NOT NULL,
    document jsonb NOT NULL,
    loaded_at timestamptz NOT NULL,
    loaded_by text NOT NULL,
    CONSTRAINT allocation_rules_pkey PRIMARY KEY (rules_hash)
);

-- From which month on which of them is in force, since when and until when that was so said.
CREATE TABLE finfleet.allocation_versions (
    effective_from date NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    rules_hash text NOT NULL,
    CONSTRAINT allocation_versions_pkey PRIMARY KEY (effective_from, since)
);

-- Each time a month was allocated, the last of which counts.
CREATE TABLE finfleet.allocation_runs (
    month date NOT NULL,
    number integer NOT NULL,
    rules_hash text NOT NULL,
    allocated_at timestamptz NOT NULL,
    allocated_by text NOT NULL,
    bills text NOT NULL,
    windows integer NOT NULL,
    windows_missing integer NOT NULL,
    weights jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT allocation_runs_pkey PRIMARY KEY (month, number)
);

-- Whose charges are, and how that was found: few rows a month, which the charges name.
CREATE TABLE finfleet.allocation_owners (
    month date NOT NULL,
    owner integer NOT NULL,
    owners jsonb NOT NULL,
    how jsonb NOT NULL,
    shared boolean NOT NULL,
    weight_coverage numeric,
    CONSTRAINT allocation_owners_pkey PRIMARY KEY (month, owner)
);

CREATE TABLE finfleet.allocations (
    month date NOT NULL,
    number integer NOT NULL,
    day date NOT NULL,
    owner integer NOT NULL,
    provider text NOT NULL,
    account text NOT NULL,
    sub_account_id text NOT NULL,
    service_name text NOT NULL,
    charge_category text NOT NULL,
    billing_currency text NOT NULL,
    billed_cost numeric,
    effective_cost numeric,
    list_cost numeric,
    contracted_cost numeric,
    untold text[] NOT NULL,
    CONSTRAINT allocations_pkey PRIMARY KEY (month, number)
);
CREATE INDEX allocations_day_idx ON finfleet.allocations (day);

-- What one of base was worth in quote on a day, by a source. A rate that was corrected stays, with when it was known.
CREATE TABLE finfleet.exchange_rates (
    source text NOT NULL,
    day date NOT NULL,
    base text NOT NULL,
    quote text NOT NULL,
    loaded_at timestamptz NOT NULL,
    rate numeric NOT NULL,
    valid_until date NOT NULL,
    replaced_at timestamptz,
    CONSTRAINT exchange_rates_pkey PRIMARY KEY (source, day, base, quote, loaded_at),
    CONSTRAINT exchange_rates_rate_check CHECK (rate > 0),
    CONSTRAINT exchange_rates_valid_check CHECK (valid_until > day)
);
CREATE UNIQUE INDEX exchange_rates_current_idx ON finfleet.exchange_rates (base, quote, source, day)
 WHERE replaced_at IS NULL;
-- A day is looked up by the few rates that hold on it.
CREATE INDEX exchange_rates_valid_idx ON finfleet.exchange_rates USING gist (daterange(day, valid_until))
 WHERE replaced_at IS NULL;
