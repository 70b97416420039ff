CREATE VIEW reporting.cost_history_by_service AS
SELECT b.provider, b.account, b.region, b.service, b.window_start, b.window_end, b.version,
       s.service_name, s.billing_currency,
       b.known_from, b.known_until, b.is_current, s.lines,
       CASE WHEN s.lines = 0 THEN 0 ELSE s.billed_cost END AS billed_cost,
       CASE WHEN s.lines = 0 THEN 0 ELSE s.effective_cost END AS effective_cost,
       s.without_billed_cost, s.without_effective_cost, s.estimated,
       CASE
           WHEN b.version > 1
            AND NOT (s.lines > 0 AND s.billed_cost IS NULL)
            AND NOT (s.former_lines > 0 AND s.former_billed IS NULL)
           THEN coalesce(s.billed_cost, 0) - coalesce(s.former_billed, 0)
       END AS billed_cost_change,
       CASE
           WHEN b.version > 1
            AND NOT (s.lines > 0 AND s.effective_cost IS NULL)
            AND NOT (s.former_lines > 0 AND s.former_effective IS NULL)
           THEN coalesce(s.effective_cost, 0) - coalesce(s.former_effective, 0)
       END AS effective_cost_change,
       b.collected_at, b.run_id
  FROM reporting.bill_versions AS b
 CROSS JOIN LATERAL (
           SELECT m.service_name, m.billing_currency,
                  :own_and_former
             -- With what the version before has, so that what is gone is told of too.
             FROM (VALUES (b.run_id, true), (b.former_run_id, false)) AS o(run_id, own)
            CROSS JOIN LATERAL :version_sums AS m
            GROUP BY m.service_name, m.billing_currency
       ) AS s;

COMMENT ON VIEW reporting.cost_history_by_service IS
    'What every version of the bills came to by service and currency, and how the provider restated it. All versions'
    ' are here, also those whose lines and runs are forgotten. Only what is_current can count: reporting.cost_sources'
    ' says whether it does. Name a range of window_start, and of a version its run_id.';
COMMENT ON COLUMN reporting.cost_history_by_service.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_history_by_service.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_history_by_service.region IS :'collected_region';
COMMENT ON COLUMN reporting.cost_history_by_service.service IS :'service';
COMMENT ON COLUMN reporting.cost_history_by_service.window_start IS :'window_start';
COMMENT ON COLUMN reporting.cost_history_by_service.window_end IS :'window_end';
COMMENT ON COLUMN reporting.cost_history_by_service.version IS :'version';
COMMENT ON COLUMN reporting.cost_history_by_service.service_name IS :'service_name';
COMMENT ON COLUMN reporting.cost_history_by_service.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_history_by_service.known_from IS :'known_from';
COMMENT ON COLUMN reporting.cost_history_by_service.known_until IS :'known_until';
COMMENT ON COLUMN reporting.cost_history_by_service.is_current IS :'is_current';
COMMENT ON COLUMN reporting.cost_history_by_service.lines IS :'lines_of_version';
COMMENT ON COLUMN reporting.cost_history_by_service.billed_cost IS :'billed_cost_sum';
COMMENT ON COLUMN reporting.cost_history_by_service.effective_cost IS :'effective_cost_sum';
COMMENT ON COLUMN reporting.cost_history_by_service.without_billed_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_history_by_service.without_effective_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_history_by_service.estimated IS :'estimated';
COMMENT ON COLUMN reporting.cost_history_by_service.billed_cost_change IS :'change_of_part';
COMMENT ON COLUMN reporting.cost_history_by_service.effective_cost_change IS :'change_of_part';
COMMENT ON COLUMN reporting.cost_history_by_service.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.cost_history_by_service.run_id IS :'version_run';
