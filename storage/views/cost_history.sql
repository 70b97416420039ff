CREATE VIEW reporting.cost_history AS
SELECT c.provider, c.account, s.window_start, c.window_end, s.billing_currency,
       s.started_at AS collected_at, s.attempt, s.run_id IS NOT DISTINCT FROM c.settled_run AS is_current,
       s.lines, s.billed_cost, s.effective_cost, s.estimated,
       s.billed_cost - lag(s.billed_cost) OVER own AS billed_cost_change,
       s.effective_cost - lag(s.effective_cost) OVER own AS effective_cost_change,
       s.run_id
  FROM (
        -- Only what is whole was ever the bill.
        SELECT b.target_id, b.window_start, b.run_id, r.attempt, r.started_at, m.billing_currency,
               m.lines, m.billed_cost, m.effective_cost, m.estimated
          FROM finfleet.bills AS b
         CROSS JOIN LATERAL (
                   SELECT r.attempt, r.started_at
                     FROM finfleet.runs AS r
                    WHERE r.run_id = b.run_id AND r.outcome = 'complete' AND r.batches_committed = r.batches_expected
                    LIMIT 1
               ) AS r
         CROSS JOIN LATERAL (
                   SELECT m.billing_currency,
                          sum(m.lines) AS lines,
                          sum(m.billed_cost) AS billed_cost,
                          sum(m.effective_cost) AS effective_cost,
                          bool_or(m.estimated) AS estimated
                     FROM finfleet.bill_summaries AS m
                    WHERE m.run_id = b.run_id
                    GROUP BY m.billing_currency
               ) AS m
         UNION ALL
        -- Bills that nobody has added up yet, by their lines.
        SELECT o.target_id, o.window_start, o.run_id, o.attempt, o.started_at, l.billing_currency,
               l.lines, l.billed_cost, l.effective_cost, l.estimated
          FROM (
                SELECT b.target_id, b.window_start, b.run_id, r.attempt, r.started_at
                  FROM finfleet.bills AS b
                  JOIN finfleet.runs AS r USING (run_id)
                 WHERE b.lines IS NULL AND r.outcome = 'complete' AND r.batches_committed = r.batches_expected
                 UNION ALL
                SELECT w.target_id, w.window_start, r.run_id, r.attempt, r.started_at
                  FROM (
                        -- A window whose last reading has no line has bills, and no scope.
                        SELECT target_id, window_start FROM finfleet.cost_scopes
                         UNION
                        SELECT target_id, window_start FROM finfleet.bills
                       ) AS w
                 CROSS JOIN LATERAL (
                           SELECT r.run_id, r.attempt, r.started_at
                             FROM finfleet.runs AS r
                            WHERE r.target_id = w.target_id
                              AND r.window_start = w.window_start
                              AND r.outcome = 'complete'
                              AND r.batches_committed = r.batches_expected
                              AND NOT EXISTS (SELECT FROM finfleet.bills AS b WHERE b.run_id = r.run_id)
                           OFFSET 0
                       ) AS r
               ) AS o
         CROSS JOIN LATERAL (
                   SELECT l.billing_currency,
                          sum(l.lines) AS lines,
                          sum(l.billed_cost) AS billed_cost,
                          sum(l.effective_cost) AS effective_cost,
                          bool_or(l.estimated) AS estimated
                     FROM finfleet.cost_lines AS l
                    WHERE l.run_id = o.run_id AND l.breakdown = ''
                    GROUP BY l.billing_currency
               ) AS l
         UNION ALL
        -- Versions whose run is forgotten.
        SELECT v.target_id, v.window_start, v.run_id, v.attempt, v.started_at, m.billing_currency,
               sum(m.lines), sum(m.billed_cost), sum(m.effective_cost), bool_or(m.estimated)
          FROM finfleet.bill_versions AS v
         CROSS JOIN LATERAL :version_totals
         GROUP BY v.run_id, m.billing_currency
       ) AS s
 CROSS JOIN LATERAL (
           SELECT t.provider, t.account, c.window_end, c.settled_run
             FROM finfleet.collections AS c
             JOIN finfleet.targets AS t USING (target_id)
            WHERE c.target_id = s.target_id AND c.window_start = s.window_start
            LIMIT 1
       ) AS c
WINDOW own AS (PARTITION BY s.target_id, s.window_start, s.billing_currency ORDER BY s.attempt, s.started_at, s.run_id);

COMMENT ON VIEW reporting.cost_history IS
    'Every whole collection of a window of costs, one row a currency: how the provider restated it. Only the row'
    ' that is_current counts. Of those that do not, those that never did are forgotten after retention.runs.'
    ' Name a range of window_start.';
COMMENT ON COLUMN reporting.cost_history.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_history.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_history.window_start IS 'Beginning of the window, in UTC.';
COMMENT ON COLUMN reporting.cost_history.window_end IS :'window_end';
COMMENT ON COLUMN reporting.cost_history.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_history.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.cost_history.attempt IS :'attempt';
COMMENT ON COLUMN reporting.cost_history.is_current IS 'Whether this is what reporting.costs shows.';
COMMENT ON COLUMN reporting.cost_history.lines IS :'lines_of_sums';
COMMENT ON COLUMN reporting.cost_history.billed_cost IS :'billed_cost';
COMMENT ON COLUMN reporting.cost_history.effective_cost IS :'effective_cost';
COMMENT ON COLUMN reporting.cost_history.estimated IS :'estimated';
COMMENT ON COLUMN reporting.cost_history.billed_cost_change IS :'change';
COMMENT ON COLUMN reporting.cost_history.effective_cost_change IS :'change';
COMMENT ON COLUMN reporting.cost_history.run_id IS :'run_id';
