-- Bills: what the lines of a run come to.

-- name: forget
DELETE FROM finfleet.bill_summaries WHERE run_id = ANY(%(runs)s::uuid[])

-- name: summarise
-- The same rows in the same order whoever adds them up: of two that do at once, the second one finds them there.
WITH new AS (
    SELECT *
      FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(runs)s::uuid[]) AS n(target_id, window_start, run_id)
     WHERE run_id IS NOT NULL
),
summed AS MATERIALIZED (
    -- Run by run: at once, Postgres would rather read the lines of all bills that there are.
    SELECT new.run_id, l.*
      FROM new
     CROSS JOIN LATERAL (
               SELECT (l.charge_period_start AT TIME ZONE 'UTC')::date AS day, l.sub_account_id,
                      l.service_name, l.region_id, l.charge_category, l.billing_currency, l.billing_period_start,
                      l.invoice_id,
                      -- The provider's own. Nobody has more than the column can hold, whatever a message says.
                      least(sum(l.lines), 2147483647)::int AS lines,
                      sum(l.billed_cost) AS billed_cost,
                      sum(l.effective_cost) AS effective_cost,
                      sum(l.list_cost) AS list_cost,
                      sum(l.contracted_cost) AS contracted_cost,
                      least(sum(CASE WHEN l.billed_cost IS NULL THEN l.lines ELSE 0 END), 2147483647)::int
                          AS without_billed_cost,
                      least(sum(CASE WHEN l.effective_cost IS NULL THEN l.lines ELSE 0 END), 2147483647)::int
                          AS without_effective_cost,
                      least(sum(CASE WHEN l.list_cost IS NULL THEN l.lines ELSE 0 END), 2147483647)::int
                          AS without_list_cost,
                      least(sum(CASE WHEN l.contracted_cost IS NULL THEN l.lines ELSE 0 END), 2147483647)::int
                          AS without_contracted_cost,
                      bool_or(l.estimated) AS estimated
                 FROM finfleet.cost_lines AS l
                WHERE l.run_id = new.run_id AND l.breakdown = ''
                GROUP BY day, l.sub_account_id, l.service_name, l.region_id, l.charge_category, l.billing_currency,
                         l.billing_period_start, l.invoice_id
           ) AS l
),
stored AS (
    INSERT INTO finfleet.bill_summaries (
        run_id, day, sub_account_id, number, service_name, region_id, charge_category, billing_currency,
        billing_period_start, lines, billed_cost, effective_cost, list_cost, contracted_cost,
        without_billed_cost, without_effective_cost, without_list_cost, without_contracted_cost, estimated,
        invoice_id
    )
    SELECT run_id, day, sub_account_id,
           row_number() OVER (
               PARTITION BY run_id, day, sub_account_id
                   ORDER BY service_name, region_id, charge_category, billing_currency, billing_period_start, invoice_id
           ),
           service_name, region_id, charge_category, billing_currency,
           billing_period_start, lines, billed_cost, effective_cost, list_cost, contracted_cost,
           without_billed_cost, without_effective_cost, without_list_cost, without_contracted_cost, estimated,
           invoice_id
      FROM summed
        ON CONFLICT DO NOTHING
)
INSERT INTO finfleet.bills (run_id, target_id, window_start, lines)
SELECT new.run_id, new.target_id, new.window_start, least(coalesce(sum(summed.lines), 0), 2147483647)
  FROM new
  LEFT JOIN summed USING (run_id)
 GROUP BY new.run_id, new.target_id, new.window_start
-- What is no bill has no row; what maintenance looked at has one all the same.
HAVING %(marking)s OR count(summed.run_id) > 0
 ORDER BY new.run_id
    ON CONFLICT (run_id) DO UPDATE
   SET lines = excluded.lines

-- name: open
-- Whole runs that nobody has added up, the newest windows first. A run that its writer changes at this moment is its
-- writer's.
WITH chosen AS MATERIALIZED (
    SELECT r.run_id, r.target_id, r.window_start, r.records_committed
      FROM finfleet.bills AS b
      JOIN finfleet.runs AS r USING (run_id)
     WHERE b.lines IS NULL AND r.outcome IN ('complete', 'empty') AND r.batches_committed = r.batches_expected
     ORDER BY r.window_start DESC
     LIMIT %(runs)s
       FOR NO KEY UPDATE OF r SKIP LOCKED
),
numbered AS (
    SELECT run_id, target_id, window_start,
           sum(records_committed) OVER (ORDER BY window_start DESC, run_id) - records_committed AS before
      FROM chosen
)
SELECT target_id, window_start, run_id FROM numbered WHERE before < %(lines)s ORDER BY before

-- name: note
-- Whole runs with lines that a writer of a former release has written. Few runs have lines, so they are looked for by
-- the lines: a target whose only bill was taken back has nothing else to be found by.
INSERT INTO finfleet.bills (run_id, target_id, window_start)
WITH RECURSIVE read (run_id) AS (
    (SELECT run_id FROM finfleet.cost_lines ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT n.run_id
      FROM read
     CROSS JOIN LATERAL (
               SELECT l.run_id FROM finfleet.cost_lines AS l WHERE l.run_id > read.run_id ORDER BY l.run_id LIMIT 1
           ) AS n
)
SELECT r.run_id, r.target_id, r.window_start
  FROM read
  JOIN finfleet.runs AS r USING (run_id)
 WHERE r.outcome IN ('complete', 'empty')
   AND r.batches_committed = r.batches_expected
   AND NOT EXISTS (SELECT FROM finfleet.bills AS b WHERE b.run_id = r.run_id)
 ORDER BY r.run_id
 LIMIT %(limit)s
    ON CONFLICT DO NOTHING
