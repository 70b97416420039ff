-- How far the ledger is.

-- name: count_states
-- Of enabled targets.
SELECT t.provider, c.state, count(*)
  FROM finfleet.collections AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 GROUP BY t.provider, c.state
 ORDER BY t.provider, c.state

-- name: is_settled
SELECT NOT EXISTS (
    SELECT
      FROM finfleet.collections AS c
      JOIN finfleet.targets AS t USING (target_id)
     WHERE t.enabled
       AND c.state IN ('planned', 'dispatched')
)
