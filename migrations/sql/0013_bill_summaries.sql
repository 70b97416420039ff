CREATE TABLE finfleet.bills (
    run_id uuid NOT NULL,
    target_id integer NOT NULL,
    window_start timestamptz NOT NULL,
    lines integer,
    CONSTRAINT bills_pkey PRIMARY KEY (run_id),
    CONSTRAINT bills_run_id_fkey FOREIGN KEY (run_id) REFERENCES finfleet.runs (run_id) ON DELETE CASCADE
);
CREATE INDEX bills_target_id_window_start_idx ON finfleet.bills (target_id, window_start);
CREATE INDEX bills_open_idx ON finfleet.bills (run_id) WHERE lines IS NULL;

CREATE TABLE finfleet.bill_summaries (
    run_id uuid NOT NULL,
    day date NOT NULL,
    sub_account_id text NOT NULL,
    number integer NOT NULL,
    service_name text NOT NULL,
    region_id text NOT NULL,
    charge_category text NOT NULL,
    billing_currency text NOT NULL,
    billing_period_start timestamptz,
    lines integer NOT NULL,
    billed_cost numeric,
    effective_cost numeric,
    list_cost numeric,
    contracted_cost numeric,
    without_billed_cost integer NOT NULL,
    without_effective_cost integer NOT NULL,
    without_list_cost integer NOT NULL,
    without_contracted_cost integer NOT NULL,
    estimated boolean,
    CONSTRAINT bill_summaries_pkey PRIMARY KEY (run_id, day, sub_account_id, number),
    CONSTRAINT bill_summaries_run_id_fkey FOREIGN KEY (run_id) REFERENCES finfleet.bills (run_id) ON DELETE CASCADE
);

-- Few rows, if any: for each line of a bill they are asked whether it counts.
CREATE INDEX cost_scopes_left_out_idx
    ON finfleet.cost_scopes (target_id, window_start, day, sub_account_id)
 WHERE NOT counts;

-- The bills that are there, by skipping from one run to the next: a look at the index for each of them, not for each of
-- their lines. Maintenance adds them up, a few at a time; until then the views read their lines.
INSERT INTO finfleet.bills (run_id, target_id, window_start)
WITH RECURSIVE found (run_id) AS (
    (SELECT run_id FROM finfleet.cost_lines ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.run_id FROM finfleet.cost_lines AS l WHERE l.run_id > f.run_id ORDER BY l.run_id LIMIT 1)
      FROM found AS f
     WHERE f.run_id IS NOT NULL
)
SELECT r.run_id, r.target_id, r.window_start
  FROM found
  JOIN finfleet.runs AS r USING (run_id);
