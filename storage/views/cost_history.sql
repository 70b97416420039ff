CREATE VIEW reporting.cost_history AS
WITH said AS (
    SELECT c.target_id, c.window_start, c.window_end, r.run_id, r.attempt, r.started_at,
           r.run_id IS NOT DISTINCT FROM c.settled_run AS is_current,
           l.billing_currency,
           count(l.run_id) AS lines,
           sum(l.billed_cost) AS billed_cost,
           sum(l.effective_cost) AS effective_cost,
           bool_or(l.estimated) AS estimated
      FROM finfleet.collections AS c
      JOIN finfleet.runs AS r USING (target_id, window_start)
      JOIN finfleet.cost_lines AS l ON l.run_id = r.run_id AND l.breakdown = ''
     -- Only what is whole was ever the bill.
     WHERE r.outcome = 'complete' AND r.batches_committed = r.batches_expected
     GROUP BY c.target_id, c.window_start, c.window_end, r.run_id, r.attempt, r.started_at, is_current,
              l.billing_currency
)
SELECT t.provider, t.account, s.window_start, s.window_end, s.billing_currency,
       s.started_at AS collected_at, s.attempt, s.is_current, s.lines, s.billed_cost, s.effective_cost, s.estimated,
       s.billed_cost - lag(s.billed_cost) OVER own AS billed_cost_change,
       s.effective_cost - lag(s.effective_cost) OVER own AS effective_cost_change,
       s.run_id
  FROM said AS s
  JOIN finfleet.targets AS t USING (target_id)
WINDOW own AS (PARTITION BY s.target_id, s.window_start, s.billing_currency ORDER BY s.attempt, s.started_at, s.run_id);

COMMENT ON VIEW reporting.cost_history IS
    'Every whole collection of a window of costs, one row a currency: how the provider restated it. Only the row'
    ' that is_current counts; collections that do not are forgotten after retention.runs. Name a range of window_start.';
COMMENT ON COLUMN reporting.cost_history.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_history.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_history.window_start IS 'Beginning of the window, in UTC.';
COMMENT ON COLUMN reporting.cost_history.window_end IS 'End of the window, in UTC, not part of it.';
COMMENT ON COLUMN reporting.cost_history.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_history.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.cost_history.attempt IS 'The attempt at the window, numbered from 1.';
COMMENT ON COLUMN reporting.cost_history.is_current IS 'Whether this is what reporting.costs shows.';
COMMENT ON COLUMN reporting.cost_history.lines IS 'Lines of the bill.';
COMMENT ON COLUMN reporting.cost_history.billed_cost IS :'billed_cost';
COMMENT ON COLUMN reporting.cost_history.effective_cost IS :'effective_cost';
COMMENT ON COLUMN reporting.cost_history.estimated IS :'estimated';
COMMENT ON COLUMN reporting.cost_history.billed_cost_change IS :'change';
COMMENT ON COLUMN reporting.cost_history.effective_cost_change IS :'change';
COMMENT ON COLUMN reporting.cost_history.run_id IS :'run_id';
