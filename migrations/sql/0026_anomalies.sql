-- Days on which a service of an account cost something else than was to be expected. Services of one account that begin
-- to on one day, to the same side, share an anomaly_id.
CREATE TABLE finfleet.anomalies (
    anomaly_id uuid NOT NULL,
    service_name text NOT NULL,
    provider text NOT NULL,
    sub_account_id text NOT NULL,
    billing_currency text NOT NULL,
    kind text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    days date[] NOT NULL,
    cost text NOT NULL,
    expected numeric NOT NULL,
    actual numeric NOT NULL,
    found_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    CONSTRAINT anomalies_pkey PRIMARY KEY (anomaly_id, service_name)
);
CREATE INDEX anomalies_first_day_idx ON finfleet.anomalies (first_day);

-- What people say of them: the newest is the state.
CREATE TABLE finfleet.anomaly_notes (
    anomaly_id uuid NOT NULL,
    noted_at timestamptz NOT NULL,
    state text NOT NULL,
    note text DEFAULT '' NOT NULL,
    noted_by text DEFAULT '' NOT NULL,
    CONSTRAINT anomaly_notes_pkey PRIMARY KEY (anomaly_id, noted_at),
    CONSTRAINT anomaly_notes_state_check CHECK (state IN ('open', 'acknowledged', 'explained'))
);

-- When somebody looked for them last, and of what state of the bills; one row.
CREATE TABLE finfleet.anomaly_looks (
    single boolean DEFAULT true NOT NULL,
    looked_at timestamptz NOT NULL,
    seen text NOT NULL,
    CONSTRAINT anomaly_looks_pkey PRIMARY KEY (single),
    CONSTRAINT anomaly_looks_single_check CHECK (single)
);

-- What months will come to, as it was forecast last: of all, and by provider, account and service.
CREATE TABLE finfleet.forecasts (
    of text NOT NULL,
    provider text NOT NULL,
    name text NOT NULL,
    billing_currency text NOT NULL,
    month date NOT NULL,
    cost text NOT NULL,
    actual numeric NOT NULL,
    known_days integer NOT NULL,
    expected numeric,
    expected_days integer NOT NULL,
    low numeric,
    high numeric,
    method text NOT NULL,
    error numeric,
    naive_error numeric,
    tries integer NOT NULL,
    left_out integer NOT NULL,
    known_until date,
    made_at timestamptz NOT NULL,
    CONSTRAINT forecasts_pkey PRIMARY KEY (of, provider, name, billing_currency, month)
);

CREATE TABLE finfleet.forecast_looks (
    single boolean DEFAULT true NOT NULL,
    looked_at timestamptz NOT NULL,
    seen text NOT NULL,
    CONSTRAINT forecast_looks_pkey PRIMARY KEY (single),
    CONSTRAINT forecast_looks_single_check CHECK (single)
);
