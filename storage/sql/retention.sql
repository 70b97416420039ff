-- What is forgotten.

-- name: forget_runs
-- Batches go with their run. The run that settled a window stays: it says what its figures took.
DELETE FROM finfleet.runs
 WHERE run_id IN (
           SELECT r.run_id
             FROM finfleet.runs AS r
             JOIN finfleet.collections AS c USING (target_id, window_start)
            WHERE r.started_at < %(before)s
              AND c.state NOT IN ('planned', 'dispatched')
              AND c.settled_run IS DISTINCT FROM r.run_id
            LIMIT %(limit)s
       )

-- name: partitions
SELECT c.relname
  FROM pg_catalog.pg_inherits AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = %(table)s::regclass
 ORDER BY c.relname
