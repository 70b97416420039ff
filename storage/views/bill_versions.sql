CREATE VIEW reporting.bill_versions AS
SELECT v.provider, v.account, v.region, v.service, v.window_start, v.window_end,
       row_number() OVER own AS version, v.first_day, v.last_day,
       v.since AS known_from, v.until AS known_until, v.until IS NULL AS is_current, v.kept,
       v.attempt, v.started_at AS collected_at, v.run_id, lag(v.run_id) OVER own AS former_run_id
  FROM :bill_versions AS v
WINDOW own AS (PARTITION BY v.target_id, v.window_start ORDER BY v.since, v.attempt, v.started_at, v.run_id);

COMMENT ON VIEW reporting.bill_versions IS
    'Every reading that was the bill of its window, since when and until when, whether or not anything of it counted:'
    ' reporting.cost_sources says that of today. Versions stay when their lines and runs are forgotten. Name a range'
    ' of window_start.';
COMMENT ON COLUMN reporting.bill_versions.provider IS :'provider';
COMMENT ON COLUMN reporting.bill_versions.account IS :'asked_account';
COMMENT ON COLUMN reporting.bill_versions.region IS :'collected_region';
COMMENT ON COLUMN reporting.bill_versions.service IS :'service';
COMMENT ON COLUMN reporting.bill_versions.window_start IS :'window_start';
COMMENT ON COLUMN reporting.bill_versions.window_end IS :'window_end';
COMMENT ON COLUMN reporting.bill_versions.version IS :'version';
COMMENT ON COLUMN reporting.bill_versions.first_day IS :'first_day';
COMMENT ON COLUMN reporting.bill_versions.last_day IS :'last_day';
COMMENT ON COLUMN reporting.bill_versions.known_from IS :'known_from';
COMMENT ON COLUMN reporting.bill_versions.known_until IS :'known_until';
COMMENT ON COLUMN reporting.bill_versions.is_current IS :'is_current';
COMMENT ON COLUMN reporting.bill_versions.kept IS :'kept';
COMMENT ON COLUMN reporting.bill_versions.attempt IS :'attempt';
COMMENT ON COLUMN reporting.bill_versions.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.bill_versions.run_id IS 'Its reading; run_id of reporting.cost_versions.';
COMMENT ON COLUMN reporting.bill_versions.former_run_id IS
    'The version before, to be compared with by reporting.cost_changes; null for the first.';
