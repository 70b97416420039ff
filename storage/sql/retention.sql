-- What is forgotten.

-- name: forget_history
-- Lines of readings that do not settle their window. Only of whole ones: what is not whole yet may be, and count then.
-- And of those that are added up, since the history shows their sums.
-- Few runs have lines, so they are looked for by the lines.
WITH RECURSIVE read (run_id) AS (
    (SELECT run_id FROM finfleet.cost_lines ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT n.run_id
      FROM read
     CROSS JOIN LATERAL (
               SELECT l.run_id FROM finfleet.cost_lines AS l WHERE l.run_id > read.run_id ORDER BY l.run_id LIMIT 1
           ) AS n
),
old AS MATERIALIZED (
    SELECT o.run_id, o.number, o.line
      FROM read
      JOIN finfleet.runs AS r USING (run_id)
      JOIN finfleet.collections AS c USING (target_id, window_start)
      JOIN finfleet.cost_lines AS o ON o.run_id = r.run_id
     WHERE greatest(r.reported_at, c.settled_at) < %(before)s
       AND r.outcome IN ('complete', 'empty')
       AND r.batches_committed = r.batches_expected
       AND c.state NOT IN ('planned', 'dispatched')
       AND c.settled_run <> r.run_id
       AND EXISTS (SELECT FROM finfleet.bills AS b WHERE b.run_id = r.run_id AND b.lines IS NOT NULL)
     LIMIT %(limit)s
),
said AS (
    -- With the first of them: what is left of the lines of a bill is no bill.
    UPDATE finfleet.bill_versions AS v
       SET lines_gone = true
     WHERE v.run_id IN (SELECT run_id FROM old) AND NOT v.lines_gone
)
DELETE FROM finfleet.cost_lines AS l
 USING old
 WHERE l.run_id = old.run_id AND l.number = old.number AND l.line = old.line

-- name: forget_recommendations
-- Of runs that ended long ago and are not the newest settled reading of their target. What is being read is none of it.
WITH RECURSIVE read (run_id) AS (
    (SELECT run_id FROM finfleet.recommendations ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT n.run_id
      FROM read
     CROSS JOIN LATERAL (
               SELECT o.run_id
                 FROM finfleet.recommendations AS o
                WHERE o.run_id > read.run_id
                ORDER BY o.run_id
                LIMIT 1
           ) AS n
),
old AS MATERIALIZED (
    SELECT o.run_id, o.number, o.line
      FROM read
      JOIN finfleet.runs AS r USING (run_id)
      JOIN finfleet.recommendations AS o ON o.run_id = r.run_id
     WHERE r.reported_at < %(before)s
       AND r.run_id IS DISTINCT FROM (
               SELECT c.settled_run
                 FROM finfleet.collections AS c
                WHERE c.target_id = r.target_id AND c.settled_run IS NOT NULL
                ORDER BY c.window_start DESC
                LIMIT 1
           )
     LIMIT %(limit)s
)
DELETE FROM finfleet.recommendations AS o
 USING old
 WHERE o.run_id = old.run_id AND o.number = old.number AND o.line = old.line

-- name: was_sealed
-- Whether a day of these was sealed since a time.
SELECT EXISTS (
           SELECT FROM finfleet.sealed_days WHERE day >= %(day)s AND day < %(end)s AND sealed_at > %(since)s
       )
