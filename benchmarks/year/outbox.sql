-- What was sent in the last day, a little that waits, and a little that was rejected.

INSERT INTO finfleet.outbox (destination, target_id, run_id, number, state, body, created_at, due_at, attempts, sent_at, error)
SELECT 'openfinops', r.target_id, r.run_id, 1, o.state,
       CASE WHEN o.state <> 'sent' THEN convert_to(repeat('body', 200), 'UTF8') END,
       b.committed_at, b.committed_at, 1, CASE o.state WHEN 'sent' THEN b.committed_at END,
       CASE o.state WHEN 'dead' THEN '400: no such tenant' ELSE '' END
  FROM (SELECT *, row_number() OVER (ORDER BY committed_at, run_id) AS place FROM finfleet.batches) AS b
  JOIN finfleet.runs AS r USING (run_id)
 CROSS JOIN LATERAL (
           SELECT CASE WHEN b.place %% 200 = 0 THEN 'pending' WHEN b.place %% 500 = 1 THEN 'dead' ELSE 'sent' END AS state
       ) AS o
