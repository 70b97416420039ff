CREATE VIEW reporting.allocation_months AS
SELECT m.month, r.number AS runs, r.allocated_at, r.allocated_by, r.rules_hash, l.loaded_at AS rules_loaded_at,
       l.loaded_by AS rules_loaded_by, l.document AS rules, r.weights,
       v.rules_hash IS NOT DISTINCT FROM r.rules_hash AS rules_are_current,
       r.bills IS NOT DISTINCT FROM :allocated_bills AS bill_is_current,
       r.windows AS bill_windows, r.windows_missing AS bill_windows_missing
  FROM (
        SELECT DISTINCT date_trunc('month', s.day)::date AS month
          FROM (SELECT DISTINCT day FROM finfleet.cost_scopes) AS s
         UNION
        SELECT month FROM finfleet.allocation_runs
       ) AS m
  LEFT JOIN LATERAL (
            SELECT * FROM finfleet.allocation_runs AS r WHERE r.month = m.month ORDER BY r.number DESC LIMIT 1
       ) AS r ON true
  LEFT JOIN finfleet.allocation_rules AS l ON l.rules_hash = r.rules_hash
  LEFT JOIN LATERAL (
            SELECT v.rules_hash
              FROM finfleet.allocation_versions AS v
             WHERE v.until IS NULL AND v.effective_from <= m.month
             ORDER BY v.effective_from DESC
             LIMIT 1
       ) AS v ON true;

COMMENT ON VIEW reporting.allocation_months IS
    'Each month that has a bill: by which rules it is allocated, when and by whom, and whether that is still so. A'
    ' month without allocated_at is not allocated. Name a range of month.';
COMMENT ON COLUMN reporting.allocation_months.month IS :'allocated_month';
COMMENT ON COLUMN reporting.allocation_months.runs IS 'How often it was allocated; the last time counts.';
COMMENT ON COLUMN reporting.allocation_months.allocated_at IS 'When, last, in UTC; null: never.';
COMMENT ON COLUMN reporting.allocation_months.allocated_by IS 'By whom, last: maintenance, or a person''s command.';
COMMENT ON COLUMN reporting.allocation_months.rules_hash IS 'By which rules: a hash of what they say.';
COMMENT ON COLUMN reporting.allocation_months.rules_loaded_at IS 'When these rules were loaded first, in UTC.';
COMMENT ON COLUMN reporting.allocation_months.rules_loaded_by IS 'By whom.';
COMMENT ON COLUMN reporting.allocation_months.rules IS
    'What they say, with the month that they were in force from when they were loaded first.';
COMMENT ON COLUMN reporting.allocation_months.weights IS
    'By which weights shared charges were split: what is shared, how, and each owner''s weight by currency.';
COMMENT ON COLUMN reporting.allocation_months.rules_are_current IS
    'Whether the file says of this month what it was allocated by. A closed month keeps the rules of then until'
    ' somebody allocates it anew.';
COMMENT ON COLUMN reporting.allocation_months.bill_is_current IS
    'Whether the bill is the one that was allocated. Where it is not, the next maintenance allocates it again.';
COMMENT ON COLUMN reporting.allocation_months.bill_windows IS 'Windows of bills that the ledger had of the month then.';
COMMENT ON COLUMN reporting.allocation_months.bill_windows_missing IS
    'Of these, those that nothing was read of: what they hold is in no share and in no weight.';
