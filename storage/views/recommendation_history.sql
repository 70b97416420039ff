-- Few runs have recommendations, so these are looked for by their rows.
CREATE VIEW reporting.recommendation_history AS
SELECT :recommendation
  FROM (
        WITH RECURSIVE read (run_id) AS (
            (SELECT run_id FROM finfleet.recommendations ORDER BY run_id LIMIT 1)
            UNION ALL
            SELECT n.run_id
              FROM read
             CROSS JOIN LATERAL (
                       SELECT o.run_id
                         FROM finfleet.recommendations AS o
                        WHERE o.run_id > read.run_id
                        ORDER BY o.run_id
                        LIMIT 1
                   ) AS n
        )
        SELECT read.run_id, w.target_id, (w.window_start AT TIME ZONE 'UTC')::date AS day
          FROM read
          JOIN finfleet.runs AS o USING (run_id)
          JOIN finfleet.collections AS w
            ON w.target_id = o.target_id AND w.window_start = o.window_start AND w.settled_run = read.run_id
       ) AS c
  JOIN finfleet.targets AS t USING (target_id)
  JOIN finfleet.recommendations AS r ON r.run_id = c.run_id;

COMMENT ON VIEW reporting.recommendation_history IS
    'What providers recommended day by day: each delivery that was read whole, as it was read last. Name a range of'
    ' day.';
COMMENT ON COLUMN reporting.recommendation_history.provider IS :'provider';
COMMENT ON COLUMN reporting.recommendation_history.account IS :'recommendation_account';
COMMENT ON COLUMN reporting.recommendation_history.export IS :'recommendation_export';
COMMENT ON COLUMN reporting.recommendation_history.day IS :'recommendation_day';
COMMENT ON COLUMN reporting.recommendation_history.recommendation_id IS :'recommendation_recommendation_id';
COMMENT ON COLUMN reporting.recommendation_history.source IS :'recommendation_source';
COMMENT ON COLUMN reporting.recommendation_history.sub_account_id IS :'recommendation_sub_account_id';
COMMENT ON COLUMN reporting.recommendation_history.sub_account_name IS :'recommendation_sub_account_name';
COMMENT ON COLUMN reporting.recommendation_history.region_id IS :'recommendation_region_id';
COMMENT ON COLUMN reporting.recommendation_history.resource_id IS :'recommendation_resource_id';
COMMENT ON COLUMN reporting.recommendation_history.resource_type IS :'recommendation_resource_type';
COMMENT ON COLUMN reporting.recommendation_history.resource_summary IS :'recommendation_resource_summary';
COMMENT ON COLUMN reporting.recommendation_history.action IS :'recommendation_action';
COMMENT ON COLUMN reporting.recommendation_history.recommended_type IS :'recommendation_recommended_type';
COMMENT ON COLUMN reporting.recommendation_history.recommended_summary IS :'recommendation_recommended_summary';
COMMENT ON COLUMN reporting.recommendation_history.currency IS :'recommendation_currency';
COMMENT ON COLUMN reporting.recommendation_history.monthly_cost IS :'recommendation_monthly_cost';
COMMENT ON COLUMN reporting.recommendation_history.monthly_cost_after_discount IS
    :'recommendation_monthly_cost_after_discount';
COMMENT ON COLUMN reporting.recommendation_history.monthly_savings IS :'recommendation_monthly_savings';
COMMENT ON COLUMN reporting.recommendation_history.monthly_savings_after_discount IS
    :'recommendation_monthly_savings_after_discount';
COMMENT ON COLUMN reporting.recommendation_history.savings_percentage IS :'recommendation_savings_percentage';
COMMENT ON COLUMN reporting.recommendation_history.savings_percentage_after_discount IS
    :'recommendation_savings_percentage_after_discount';
COMMENT ON COLUMN reporting.recommendation_history.effort IS :'recommendation_effort';
COMMENT ON COLUMN reporting.recommendation_history.restart_needed IS :'recommendation_restart_needed';
COMMENT ON COLUMN reporting.recommendation_history.rollback_possible IS :'recommendation_rollback_possible';
COMMENT ON COLUMN reporting.recommendation_history.lookback_days IS :'recommendation_lookback_days';
COMMENT ON COLUMN reporting.recommendation_history.refreshed_at IS :'recommendation_refreshed_at';
COMMENT ON COLUMN reporting.recommendation_history.tags IS :'recommendation_tags';
COMMENT ON COLUMN reporting.recommendation_history.resource_details IS :'recommendation_resource_details';
COMMENT ON COLUMN reporting.recommendation_history.recommended_details IS :'recommendation_recommended_details';
COMMENT ON COLUMN reporting.recommendation_history.details IS :'recommendation_details';
COMMENT ON COLUMN reporting.recommendation_history.run_id IS :'recommendation_run_id';
