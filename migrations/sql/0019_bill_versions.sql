-- Readings that were the bill of their window, and when. They outlive their runs, so there is no foreign key.
CREATE TABLE finfleet.bill_versions (
    run_id uuid NOT NULL,
    target_id integer NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    attempt integer NOT NULL,
    started_at timestamptz NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    first_day date,
    last_day date,
    lines_gone boolean DEFAULT false NOT NULL,
    totals jsonb,
    CONSTRAINT bill_versions_pkey PRIMARY KEY (run_id)
);
CREATE INDEX bill_versions_window_start_target_id_idx ON finfleet.bill_versions (window_start, target_id);

-- When the charges of an account and day did not count, since those of another target did.
CREATE TABLE finfleet.bills_left_out (
    target_id integer NOT NULL,
    window_start timestamptz NOT NULL,
    day date NOT NULL,
    sub_account_id text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    CONSTRAINT bills_left_out_pkey PRIMARY KEY (target_id, window_start, day, sub_account_id, since)
);
CREATE INDEX bills_left_out_open_idx ON finfleet.bills_left_out (day) WHERE until IS NULL;

-- The invoice of the lines, where they name one. A constant default: no row is written anew.
ALTER TABLE finfleet.bill_summaries ADD COLUMN invoice_id text DEFAULT '' NOT NULL;

-- What is known of the readings that are there: one is whole with its report or its last batch, and settles its window
-- if none that is worth more came before. A row for each reading of a bill; their lines are not read.
INSERT INTO finfleet.bill_versions (run_id, target_id, window_start, window_end, attempt, started_at, since, until,
                                    first_day, last_day, lines_gone)
WITH whole AS (
    SELECT r.run_id, r.target_id, r.window_start, r.window_end, r.attempt, r.started_at,
           greatest(r.reported_at, (SELECT max(b.committed_at) FROM finfleet.batches AS b WHERE b.run_id = r.run_id))
               AS since,
           row_number() OVER (
               PARTITION BY r.target_id, r.window_start ORDER BY NOT r.refused, r.attempt, r.started_at, r.run_id
           ) AS worth
      FROM (
            SELECT target_id, window_start FROM finfleet.cost_scopes
             UNION
            SELECT target_id, window_start FROM finfleet.bills
           ) AS w
      JOIN finfleet.runs AS r USING (target_id, window_start)
     WHERE r.outcome IN ('complete', 'empty') AND r.batches_committed = r.batches_expected
),
ranked AS (
    SELECT *, max(worth) OVER (PARTITION BY target_id, window_start ORDER BY since, worth) AS best FROM whole
)
SELECT run_id, target_id, window_start, window_end, attempt, started_at, since,
       lead(since) OVER (PARTITION BY target_id, window_start ORDER BY since, worth),
       (SELECT min(m.day) FROM finfleet.bill_summaries AS m WHERE m.run_id = ranked.run_id),
       (SELECT max(m.day) FROM finfleet.bill_summaries AS m WHERE m.run_id = ranked.run_id),
       NOT EXISTS (SELECT FROM finfleet.cost_lines AS l WHERE l.run_id = ranked.run_id)
       AND EXISTS (SELECT FROM finfleet.bills AS b WHERE b.run_id = ranked.run_id AND b.lines > 0)
  FROM ranked
 WHERE worth = best;

-- What does not count now is taken not to have counted before: nobody has kept it.
INSERT INTO finfleet.bills_left_out (target_id, window_start, day, sub_account_id, since)
SELECT target_id, window_start, day, sub_account_id, '-infinity' FROM finfleet.cost_scopes WHERE NOT counts;
