-- What the writer reads and changes in the ledger.

-- name: find_targets
SELECT t.target_id, t.provider, t.account, t.region, t.service
  FROM unnest(%(providers)s::text[], %(accounts)s::text[], %(regions)s::text[], %(services)s::text[])
           AS n(provider, account, region, service)
  JOIN finfleet.targets AS t USING (provider, account, region, service)

-- name: lock_windows
-- Windows first, then their targets, each in the order of its key: the planner does the same, so nobody deadlocks.
SELECT c.target_id, c.window_start, c.window_end, c.state, c.due_at, c.attempt, c.failures, c.settled_at,
       c.refresh_at, c.newest_attempt, c.newest_started_at, c.settled_run, c.records, c.error, c.permission, c.failed_since,
       c.partial, c.refused
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
  JOIN finfleet.collections AS c USING (target_id, window_start)
 ORDER BY c.target_id, c.window_start
   FOR NO KEY UPDATE OF c

-- name: lock_targets
-- From here on nobody else writes for these targets: ids of the outbox come in the order of commits.
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
INSERT INTO finfleet.runs AS r
       (run_id, target_id, window_start, window_end, attempt, started_at, batches_committed, records_committed)
SELECT *
  FROM unnest(
           %(run_ids)s::uuid[], %(target_ids)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
           %(attempts)s::int[], %(started_at)s::timestamptz[], %(batches)s::int[], %(records)s::bigint[]
       ) AS n(run_id, target_id, window_start, window_end, attempt, started_at, batches, records)
 ORDER BY run_id
    ON CONFLICT (run_id) DO UPDATE
   SET batches_committed = excluded.batches_committed, records_committed = excluded.records_committed

-- name: report_run
UPDATE finfleet.runs
   SET reported_at = %(now)s,
       finished_at = %(finished_at)s,
       outcome = %(outcome)s,
       batches_expected = %(batches)s,
       calls = %(calls)s,
       throttles = %(throttles)s,
       api_cost_usd = %(api_cost_usd)s,
       apis = %(apis)s,
       unknown_prices = %(unknown_prices)s,
       error = %(error)s,
       partial = %(partial)s,
       permission = %(permission)s,
       refused = %(refused)s
 WHERE run_id = %(run_id)s

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

-- name: save_window
UPDATE finfleet.collections
   SET state = %(state)s,
       due_at = %(due_at)s,
       -- A report of it came: a worker lives, and bears it.
       lost = CASE
                  WHEN %(state)s IN ('complete', 'empty') OR (state = 'dispatched' AND state <> %(state)s) THEN 0
                  ELSE lost
              END,
       failures = %(failures)s,
       settled_at = %(settled_at)s,
       refresh_at = %(refresh_at)s,
       newest_attempt = %(newest_attempt)s,
       newest_started_at = %(newest_started_at)s,
       settled_run = %(settled_run)s,
       records = %(records)s,
       error = %(error)s,
       permission = %(permission)s,
       failed_since = %(failed_since)s,
       partial = %(partial)s,
       refused = %(refused)s
 WHERE target_id = %(target_id)s AND window_start = %(window_start)s

-- name: allow_targets
UPDATE finfleet.targets
   SET denied_until = NULL, denied_error = '', denied_permission = ''
 WHERE target_id = ANY(%(target_ids)s::int[])
   AND denied_until IS NOT NULL

-- name: deny_target
UPDATE finfleet.targets
   SET denied_until = %(denied_until)s, denied_error = %(error)s, denied_permission = %(permission)s
 WHERE target_id = %(target_id)s
