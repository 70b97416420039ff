-- Days that are over have a summary of what their runs took by API, and runs that are forgotten leave all of theirs there. How old a run is, says our clock, never that of who sent it.
-- What was pushed is known for as long as it may be pushed again. Batches go with their run.

-- name: sum_up
-- Runs of days that are over, in the order of their targets: a summary is written once for many of them. What comes late
-- is summed up when it is there. A run reports once, so what was taken from it here never comes back.
WITH over AS MATERIALIZED (
    SELECT run_id, target_id, (started_at AT TIME ZONE 'UTC')::date AS day, apis
      FROM finfleet.runs
     WHERE apis <> '[]'::jsonb
       AND started_at < %(before)s
     ORDER BY target_id, started_at
     LIMIT %(limit)s
       FOR NO KEY UPDATE SKIP LOCKED
),
taken AS (
    UPDATE finfleet.runs AS r
       SET apis = '[]', summed_apis = over.apis
      FROM over
     WHERE r.run_id = over.run_id
    RETURNING over.target_id, over.day, over.apis
)
SELECT target_id, day, apis, count(*)
  FROM taken
 GROUP BY target_id, day, apis

-- name: forget
-- The run that settled a window stays: it says what its figures took, and what of a bill counts. One that was a bill
-- leaves its sums, so it stays until it is added up.
WITH old AS MATERIALIZED (
    SELECT r.run_id
      FROM finfleet.runs AS r
      JOIN finfleet.collections AS c USING (target_id, window_start)
      JOIN finfleet.targets AS t USING (target_id)
     WHERE coalesce(greatest(r.reported_at, c.settled_at), c.planned_at) < %(before)s
       AND (r.reported_at < %(before)s OR r.reported_at IS NULL)
       AND (
               NOT (t.provider = %(provider)s AND t.service = ANY(%(services)s::text[]))
               OR c.window_end < %(pushes_before)s::timestamptz
           )
       AND c.state NOT IN ('planned', 'dispatched')
       AND c.settled_run IS DISTINCT FROM r.run_id
       AND NOT EXISTS (
               SELECT
                 FROM finfleet.bills AS b
                 JOIN finfleet.bill_versions AS v USING (run_id)
                WHERE b.run_id = r.run_id AND b.lines IS NULL
           )
     LIMIT %(limit)s
       FOR UPDATE OF r SKIP LOCKED
),
archived AS (
    {versions.archive}
)
DELETE FROM finfleet.runs
 WHERE run_id IN (SELECT run_id FROM old)
RETURNING target_id, started_at, outcome, calls, throttles, api_cost_usd, batches_committed, records_committed, apis

-- name: forget_folded
-- Of a window that is folded all of them, at once: whoever needs it as a row again finds all of its runs, or none.
WITH folded AS MATERIALIZED (
    SELECT r.target_id, r.window_start
      FROM finfleet.runs AS r
      JOIN finfleet.targets AS t USING (target_id)
      JOIN finfleet.folded_windows AS f
        ON f.target_id = r.target_id
       AND f.month = date_trunc('month', r.window_start AT TIME ZONE 'UTC')::date
       AND f.ranges @> r.window_start
     WHERE (r.reported_at < %(before)s OR (r.reported_at IS NULL AND r.window_end < %(before)s))
       AND (
               NOT (t.provider = %(provider)s AND t.service = ANY(%(services)s::text[]))
               OR r.window_end < %(pushes_before)s::timestamptz
           )
       AND NOT EXISTS (
               SELECT
                 FROM finfleet.runs AS newer
                WHERE newer.target_id = r.target_id
                  AND newer.window_start = r.window_start
                  AND newer.reported_at >= %(before)s
           )
     LIMIT %(limit)s
       FOR SHARE OF f SKIP LOCKED
),
old AS MATERIALIZED (
    SELECT r.run_id FROM folded JOIN finfleet.runs AS r USING (target_id, window_start)
),
archived AS (
    {versions.archive}
)
DELETE FROM finfleet.runs
 WHERE run_id IN (SELECT run_id FROM old)
RETURNING target_id, started_at, outcome, calls, throttles, api_cost_usd, batches_committed, records_committed, apis

-- name: make_days
INSERT INTO finfleet.run_days (target_id, month)
SELECT *
  FROM unnest(%(target_ids)s::int[], %(months)s::date[]) AS n(target_id, month)
 ORDER BY 1, 2
    ON CONFLICT DO NOTHING

-- name: lock_days
SELECT d.target_id, d.month, d.days
  FROM unnest(%(target_ids)s::int[], %(months)s::date[]) AS n(target_id, month)
  JOIN finfleet.run_days AS d USING (target_id, month)
 ORDER BY 1, 2
   FOR UPDATE OF d

-- name: save_days
UPDATE finfleet.run_days AS d
   SET days = n.days
  FROM unnest(%(target_ids)s::int[], %(months)s::date[], %(days)s::jsonb[]) AS n(target_id, month, days)
 WHERE d.target_id = n.target_id AND d.month = n.month
