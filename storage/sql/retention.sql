-- What is forgotten.

-- name: forget_runs
-- Batches go with their run. The run that settled a window stays: it says what its figures took. How old one is, says
-- our clock, never that of who sent it. What was pushed is known for as long as it may be pushed again.
DELETE FROM finfleet.runs
 WHERE run_id IN (
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
            ORDER BY r.run_id
            LIMIT %(limit)s
              FOR UPDATE OF r SKIP LOCKED
       )

-- name: partitions
SELECT c.relname
  FROM pg_catalog.pg_inherits AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = %(table)s::regclass
 ORDER BY c.relname
