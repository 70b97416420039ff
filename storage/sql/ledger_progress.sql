-- How far the ledger is.

-- name: count_states
-- Of enabled targets.
SELECT t.provider, c.state, sum(c.windows)::bigint
  FROM (
           SELECT target_id, state, count(*) AS windows FROM finfleet.collections GROUP BY target_id, state
            UNION ALL
           SELECT target_id, state, windows FROM finfleet.folded_windows
       ) AS c
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
