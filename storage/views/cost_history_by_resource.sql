CREATE VIEW reporting.cost_history_by_resource AS
SELECT b.provider, b.account, b.region, b.service, b.window_start, b.window_end, b.version,
       s.service_name, s.resource_id, s.billing_currency,
       b.known_from, b.known_until, b.is_current, s.lines,
       CASE WHEN s.lines = 0 THEN 0 ELSE s.billed_cost END AS billed_cost,
       CASE WHEN s.lines = 0 THEN 0 ELSE s.effective_cost END AS effective_cost,
       s.without_billed_cost, s.without_effective_cost, s.estimated,
       CASE
           WHEN former.is_kept
            AND NOT (s.lines > 0 AND s.billed_cost IS NULL)
            AND NOT (s.former_lines > 0 AND s.former_billed IS NULL)
           THEN coalesce(s.billed_cost, 0) - coalesce(s.former_billed, 0)
       END AS billed_cost_change,
       CASE
           WHEN former.is_kept
            AND NOT (s.lines > 0 AND s.effective_cost IS NULL)
            AND NOT (s.former_lines > 0 AND s.former_effective IS NULL)
           THEN coalesce(s.effective_cost, 0) - coalesce(s.former_effective, 0)
       END AS effective_cost_change,
       b.collected_at, b.run_id
  FROM reporting.bill_versions AS b
 CROSS JOIN LATERAL (
           SELECT m.service_name, m.resource_id, m.billing_currency,
                  :own_and_former
             -- With what the version before has, so that what is gone is told of too.
             FROM (VALUES (b.run_id, true), (b.former_run_id, false)) AS o(run_id, own)
            CROSS JOIN LATERAL (
                      SELECT l.service_name, l.resource_id, l.billing_currency, l.lines, l.billed_cost,
                             l.effective_cost,
                             CASE WHEN l.billed_cost IS NULL THEN l.lines END AS without_billed_cost,
                             CASE WHEN l.effective_cost IS NULL THEN l.lines END AS without_effective_cost,
                             l.estimated
                        FROM finfleet.cost_lines AS l
                       WHERE l.run_id = o.run_id AND l.breakdown = ''
                  ) AS m
            GROUP BY m.service_name, m.resource_id, m.billing_currency
       ) AS s
 CROSS JOIN LATERAL (
           SELECT EXISTS (
                      SELECT FROM finfleet.bill_versions AS f WHERE f.run_id = b.former_run_id AND NOT f.lines_gone
                  ) AS is_kept
       ) AS former
 WHERE b.kept = 'lines';

COMMENT ON VIEW reporting.cost_history_by_resource IS
    'What every version of the bills came to by resource, service and currency, as long as its lines are kept'
    ' (retention.history): reporting.cost_history_by_service has all of them. Only what is_current can count:'
    ' reporting.cost_sources says whether it does. Name a range of window_start; of a bill from files, which has a'
    ' window a month, also a version or run_id.';
COMMENT ON COLUMN reporting.cost_history_by_resource.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_history_by_resource.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_history_by_resource.region IS :'collected_region';
COMMENT ON COLUMN reporting.cost_history_by_resource.service IS :'service';
COMMENT ON COLUMN reporting.cost_history_by_resource.window_start IS :'window_start';
COMMENT ON COLUMN reporting.cost_history_by_resource.window_end IS :'window_end';
COMMENT ON COLUMN reporting.cost_history_by_resource.version IS :'version';
COMMENT ON COLUMN reporting.cost_history_by_resource.service_name IS :'service_name';
COMMENT ON COLUMN reporting.cost_history_by_resource.resource_id IS :'focus_resource_id';
COMMENT ON COLUMN reporting.cost_history_by_resource.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_history_by_resource.known_from IS :'known_from';
COMMENT ON COLUMN reporting.cost_history_by_resource.known_until IS :'known_until';
COMMENT ON COLUMN reporting.cost_history_by_resource.is_current IS :'is_current';
COMMENT ON COLUMN reporting.cost_history_by_resource.lines IS :'lines_of_version';
COMMENT ON COLUMN reporting.cost_history_by_resource.billed_cost IS :'billed_cost_sum';
COMMENT ON COLUMN reporting.cost_history_by_resource.effective_cost IS :'effective_cost_sum';
COMMENT ON COLUMN reporting.cost_history_by_resource.without_billed_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_history_by_resource.without_effective_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_history_by_resource.estimated IS :'estimated';
COMMENT ON COLUMN reporting.cost_history_by_resource.billed_cost_change IS :'change_of_part';
COMMENT ON COLUMN reporting.cost_history_by_resource.effective_cost_change IS :'change_of_part';
COMMENT ON COLUMN reporting.cost_history_by_resource.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.cost_history_by_resource.run_id IS :'version_run';
