-- What the writer reads and changes in the ledger.

-- name: find_targets
SELECT t.target_id, t.delivered, t.provider, t.account, t.region, t.service
  FROM unnest(%(providers)s::text[], %(accounts)s::text[], %(regions)s::text[], %(services)s::text[])
           AS n(provider, account, region, service)
  JOIN finfleet.targets AS t USING (provider, account, region, service)

-- name: lock_windows
-- Windows first, their targets last, each in the order of its key: the planner does the same, so nobody deadlocks.
SELECT c.target_id, c.window_start, c.window_end, c.state, c.due_at, c.attempt, c.failures, c.settled_at,
       c.refresh_at, c.newest_attempt, c.newest_started_at, c.settled_run, c.records, c.error, c.permission, c.failed_since,
       c.partial, c.refused
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
  JOIN finfleet.collections AS c USING (target_id, window_start)
 ORDER BY c.target_id, c.window_start
   FOR NO KEY UPDATE OF c

-- name: lock_targets
SELECT target_id
  FROM finfleet.targets
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: runs_of_windows
-- And those with the ids of the messages, should one of them claim to be another window's.
SELECT r.run_id, r.target_id, r.window_start, r.window_end, r.attempt, r.started_at,
       r.batches_committed, r.records_committed, r.outcome, r.batches_expected, r.reported_at, r.partial,
       r.permission, r.refused,
       coalesce((SELECT max(b.number) FROM finfleet.batches AS b WHERE b.run_id = r.run_id), 0) AS last_number
  FROM finfleet.runs AS r
 WHERE r.run_id IN (
           SELECT w.run_id
             FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
             JOIN finfleet.runs AS w USING (target_id, window_start)
            UNION
           SELECT unnest(%(run_ids)s::uuid[])
       )

-- name: committed_batches
SELECT b.run_id, b.number
  FROM unnest(%(run_ids)s::uuid[], %(numbers)s::int[]) AS n(run_id, number)
  JOIN finfleet.batches AS b USING (run_id, number)

-- name: keys_of_runs
SELECT run_id, number, keys
  FROM finfleet.batches
 WHERE run_id = ANY(%(run_ids)s::uuid[])

-- name: upsert_runs
-- Without a report so far, a run has no reported_at; and a batch that comes behind the report leaves that as it is.
INSERT INTO finfleet.runs AS r
       (run_id, target_id, window_start, window_end, attempt, started_at, batches_committed, records_committed,
        reported_at, finished_at, outcome, batches_expected, calls, throttles, api_cost_usd, apis, unknown_prices,
        error, partial, permission, refused)
SELECT *
  FROM json_to_recordset(%(rows)s::json) AS n(
           run_id uuid, target_id int, window_start timestamptz, window_end timestamptz, attempt int,
           started_at timestamptz, batches_committed int, records_committed bigint, reported_at timestamptz,
           finished_at timestamptz, outcome text, batches_expected int, calls bigint, throttles bigint,
           api_cost_usd numeric, apis jsonb, unknown_prices int, error text, partial text, permission text,
           refused boolean
       )
 ORDER BY run_id
    ON CONFLICT (run_id) DO UPDATE
   SET batches_committed = excluded.batches_committed,
       records_committed = excluded.records_committed,
       reported_at = CASE WHEN excluded.reported_at IS NULL THEN r.reported_at ELSE excluded.reported_at END,
       finished_at = CASE WHEN excluded.reported_at IS NULL THEN r.finished_at ELSE excluded.finished_at END,
       outcome = CASE WHEN excluded.reported_at IS NULL THEN r.outcome ELSE excluded.outcome END,
       batches_expected = CASE WHEN excluded.reported_at IS NULL THEN r.batches_expected ELSE excluded.batches_expected END,
       calls = CASE WHEN excluded.reported_at IS NULL THEN r.calls ELSE excluded.calls END,
       throttles = CASE WHEN excluded.reported_at IS NULL THEN r.throttles ELSE excluded.throttles END,
       api_cost_usd = CASE WHEN excluded.reported_at IS NULL THEN r.api_cost_usd ELSE excluded.api_cost_usd END,
       apis = CASE WHEN excluded.reported_at IS NULL THEN r.apis ELSE excluded.apis END,
       unknown_prices = CASE WHEN excluded.reported_at IS NULL THEN r.unknown_prices ELSE excluded.unknown_prices END,
       error = CASE WHEN excluded.reported_at IS NULL THEN r.error ELSE excluded.error END,
       partial = CASE WHEN excluded.reported_at IS NULL THEN r.partial ELSE excluded.partial END,
       permission = CASE WHEN excluded.reported_at IS NULL THEN r.permission ELSE excluded.permission END,
       refused = CASE WHEN excluded.reported_at IS NULL THEN r.refused ELSE excluded.refused END

-- name: insert_batches
INSERT INTO finfleet.batches (run_id, number, records, keys)
SELECT * FROM unnest(%(run_ids)s::uuid[], %(numbers)s::int[], %(records)s::int[], %(keys)b::bytea[])

-- name: insert_outbox
INSERT INTO finfleet.outbox (destination, target_id, run_id, number, body)
SELECT d.destination, n.target_id, n.run_id, n.number, n.body
  FROM unnest(%(target_ids)s::int[], %(run_ids)s::uuid[], %(numbers)s::int[], %(bodies)b::bytea[])
           WITH ORDINALITY AS n(target_id, run_id, number, body, place)
 CROSS JOIN unnest(%(destinations)s::text[]) WITH ORDINALITY AS d(destination, place)
 ORDER BY n.place, d.place
    -- What comes again after its run was forgotten may wait there still.
    ON CONFLICT DO NOTHING

-- name: save_windows
UPDATE finfleet.collections AS c
   SET state = n.state,
       due_at = n.due_at,
       -- A report of it came: a worker lives, and bears it.
       lost = CASE
                  WHEN n.state IN ('complete', 'empty') OR (c.state = 'dispatched' AND c.state <> n.state) THEN 0
                  ELSE c.lost
              END,
       failures = n.failures,
       settled_at = n.settled_at,
       refresh_at = n.refresh_at,
       newest_attempt = n.newest_attempt,
       newest_started_at = n.newest_started_at,
       settled_run = n.settled_run,
       records = n.records,
       error = n.error,
       permission = n.permission,
       failed_since = n.failed_since,
       partial = n.partial,
       refused = n.refused
  FROM json_to_recordset(%(windows)s::json) AS n(
           target_id int, window_start timestamptz, state text, due_at timestamptz, failures int,
           settled_at timestamptz, refresh_at timestamptz, newest_attempt int, newest_started_at timestamptz,
           settled_run uuid, records bigint, error text, permission text, failed_since timestamptz, partial text,
           refused boolean
       )
 WHERE c.target_id = n.target_id AND c.window_start = n.window_start

-- name: lock_judged
-- Of the targets that answered those that are denied so far, and those that refused: in the order of their key.
SELECT target_id
  FROM finfleet.targets
 WHERE (target_id = ANY(%(allowed)s::int[]) AND denied_until IS NOT NULL) OR target_id = ANY(%(denied)s::int[])
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: allow_targets
UPDATE finfleet.targets
   SET denied_until = NULL, denied_error = '', denied_permission = ''
 WHERE target_id = ANY(%(target_ids)s::int[])
   AND denied_until IS NOT NULL

-- name: deny_targets
UPDATE finfleet.targets AS t
   SET denied_until = n.denied_until, denied_error = n.error, denied_permission = n.permission
  FROM unnest(%(target_ids)s::int[], %(denied_until)s::timestamptz[], %(errors)s::text[], %(permissions)s::text[])
           AS n(target_id, denied_until, error, permission)
 WHERE t.target_id = n.target_id
