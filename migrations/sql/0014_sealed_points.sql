-- Tables only: the days that are there are sealed by `finfleet db maintain`, a little at a time.

CREATE TABLE finfleet.sealed_points (
    series_id integer NOT NULL,
    day date NOT NULL,
    first_second integer NOT NULL,
    step_seconds integer,
    seconds integer[],
    "values" double precision[] NOT NULL,
    CONSTRAINT sealed_points_pkey PRIMARY KEY (series_id, day),
    CONSTRAINT sealed_points_starts_check CHECK ((step_seconds IS NULL) <> (seconds IS NULL))
) PARTITION BY RANGE (day);
-- Compressed, and in its row: TOAST would cut what cannot be compressed into pieces that fill pages ill.
ALTER TABLE finfleet.sealed_points ALTER COLUMN "values" SET STORAGE MAIN;
CREATE INDEX sealed_points_day_idx ON finfleet.sealed_points (day);

CREATE TABLE finfleet.points_hourly (
    series_id integer NOT NULL,
    day date NOT NULL,
    counts smallint[] NOT NULL,
    sums double precision[] NOT NULL,
    minimums double precision[] NOT NULL,
    maximums double precision[] NOT NULL,
    lasts double precision[] NOT NULL,
    CONSTRAINT points_hourly_pkey PRIMARY KEY (series_id, day)
) PARTITION BY RANGE (day);
CREATE INDEX points_hourly_day_idx ON finfleet.points_hourly (day);

CREATE TABLE finfleet.points_daily (
    series_id integer NOT NULL,
    day date NOT NULL,
    count integer NOT NULL,
    sum double precision,
    minimum double precision NOT NULL,
    maximum double precision NOT NULL,
    last double precision NOT NULL,
    CONSTRAINT points_daily_pkey PRIMARY KEY (series_id, day)
) PARTITION BY RANGE (day);
CREATE INDEX points_daily_day_idx ON finfleet.points_daily (day);

CREATE TABLE finfleet.sealed_days (
    day date NOT NULL,
    next_series integer NOT NULL DEFAULT 0,
    sealed_at timestamptz,
    swept_at timestamptz,
    CONSTRAINT sealed_days_pkey PRIMARY KEY (day)
);
