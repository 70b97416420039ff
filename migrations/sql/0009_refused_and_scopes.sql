-- What a window lacks because a part of it was refused, and may be there at another time ------------------------------

-- A run may settle its window when its last batch comes after its report: what the report says is kept with the run.
ALTER TABLE finfleet.runs
    ADD COLUMN permission text DEFAULT '' NOT NULL,
    ADD COLUMN refused boolean DEFAULT false NOT NULL;

ALTER TABLE finfleet.collections ADD COLUMN refused boolean DEFAULT false NOT NULL;

CREATE INDEX collections_refused_idx ON finfleet.collections (target_id, window_start) WHERE refused;

-- Whose costs the bills that count are of -----------------------------------------------------------------------------

-- One account configured under two names, or a payer and its member, tell of the same charges: by the provider's own
-- account ids it is found out, without reading the lines each time.
CREATE TABLE finfleet.cost_scopes (
    target_id integer NOT NULL,
    window_start timestamptz NOT NULL,
    day date NOT NULL,
    sub_account_id text NOT NULL,
    counts boolean DEFAULT true NOT NULL,
    CONSTRAINT cost_scopes_pkey PRIMARY KEY (target_id, window_start, day, sub_account_id),
    CONSTRAINT cost_scopes_target_id_fkey FOREIGN KEY (target_id) REFERENCES finfleet.targets (target_id)
);

INSERT INTO finfleet.cost_scopes (target_id, window_start, day, sub_account_id)
SELECT DISTINCT c.target_id, c.window_start, (l.charge_period_start AT TIME ZONE 'UTC')::date, l.sub_account_id
  FROM finfleet.cost_lines AS l
  JOIN finfleet.runs AS r USING (run_id)
  JOIN finfleet.collections AS c USING (target_id, window_start)
 WHERE l.breakdown = '' AND c.settled_run = l.run_id;

CREATE INDEX cost_scopes_unit_idx ON finfleet.cost_scopes (day, lower(sub_account_id));

INSERT INTO finfleet.locks (name) VALUES ('cost_scopes');

-- As storage/sql/cost_scopes.sql judges from now on.
WITH ranked AS (
    SELECT s.target_id, s.window_start, s.day, s.sub_account_id, t.provider, t.service, t.account, t.region, t.enabled,
           count(*) FILTER (WHERE s.sub_account_id <> '') OVER (PARTITION BY s.target_id, s.day) AS accounts
      FROM finfleet.cost_scopes AS s
      JOIN finfleet.targets AS t USING (target_id)
),
won AS (
    SELECT target_id, window_start, day, sub_account_id,
           target_id = first_value(target_id) OVER (
               PARTITION BY provider, CASE WHEN service = 'push_costs' THEN target_id END, day, lower(sub_account_id)
                   ORDER BY enabled DESC, accounts DESC, account, region, service
           ) AS won
      FROM ranked
),
judged AS (
    SELECT target_id, window_start, day, sub_account_id,
           CASE
               WHEN sub_account_id <> '' THEN won
               ELSE coalesce(
                        bool_or(won) FILTER (WHERE sub_account_id <> '') OVER (PARTITION BY target_id, day), true
                    )
           END AS counts
      FROM won
)
UPDATE finfleet.cost_scopes AS s
   SET counts = false
  FROM judged AS j
 WHERE (s.target_id, s.window_start, s.day, s.sub_account_id)
           = (j.target_id, j.window_start, j.day, j.sub_account_id)
   AND NOT j.counts;
