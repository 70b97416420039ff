-- The newest day of each export that was read whole; one that is read again, or fails, is what it was until then.
CREATE VIEW reporting.recommendations AS
SELECT :recommendation
  FROM finfleet.targets AS t
 CROSS JOIN LATERAL (
           SELECT (c.window_start AT TIME ZONE 'UTC')::date AS day, c.settled_run
             FROM finfleet.collections AS c
            WHERE c.target_id = t.target_id AND c.settled_run IS NOT NULL
            ORDER BY c.window_start DESC
            LIMIT 1
       ) AS c
  JOIN finfleet.recommendations AS r ON r.run_id = c.settled_run
 WHERE t.enabled;

COMMENT ON VIEW reporting.recommendations IS
    'What providers recommend now, to spend less: of each export the newest delivery that was read whole. What a newer'
    ' one no longer has is gone from here, and stays in reporting.recommendation_history. Savings are estimates of what'
    ' is not spent yet: they are no part of any bill, and no sum with one has a meaning. Two recommendations may'
    ' exclude each other: what they save together need not be their sum. Name one currency.';
COMMENT ON COLUMN reporting.recommendations.provider IS :'provider';
COMMENT ON COLUMN reporting.recommendations.account IS :'recommendation_account';
COMMENT ON COLUMN reporting.recommendations.export IS :'recommendation_export';
COMMENT ON COLUMN reporting.recommendations.day IS :'recommendation_day';
COMMENT ON COLUMN reporting.recommendations.recommendation_id IS :'recommendation_recommendation_id';
COMMENT ON COLUMN reporting.recommendations.source IS :'recommendation_source';
COMMENT ON COLUMN reporting.recommendations.sub_account_id IS :'recommendation_sub_account_id';
COMMENT ON COLUMN reporting.recommendations.sub_account_name IS :'recommendation_sub_account_name';
COMMENT ON COLUMN reporting.recommendations.region_id IS :'recommendation_region_id';
COMMENT ON COLUMN reporting.recommendations.resource_id IS :'recommendation_resource_id';
COMMENT ON COLUMN reporting.recommendations.resource_type IS :'recommendation_resource_type';
COMMENT ON COLUMN reporting.recommendations.resource_summary IS :'recommendation_resource_summary';
COMMENT ON COLUMN reporting.recommendations.action IS :'recommendation_action';
COMMENT ON COLUMN reporting.recommendations.recommended_type IS :'recommendation_recommended_type';
COMMENT ON COLUMN reporting.recommendations.recommended_summary IS :'recommendation_recommended_summary';
COMMENT ON COLUMN reporting.recommendations.currency IS :'recommendation_currency';
COMMENT ON COLUMN reporting.recommendations.monthly_cost IS :'recommendation_monthly_cost';
COMMENT ON COLUMN reporting.recommendations.monthly_cost_after_discount IS
    :'recommendation_monthly_cost_after_discount';
COMMENT ON COLUMN reporting.recommendations.monthly_savings IS :'recommendation_monthly_savings';
COMMENT ON COLUMN reporting.recommendations.monthly_savings_after_discount IS
    :'recommendation_monthly_savings_after_discount';
COMMENT ON COLUMN reporting.recommendations.savings_percentage IS :'recommendation_savings_percentage';
COMMENT ON COLUMN reporting.recommendations.savings_percentage_after_discount IS
    :'recommendation_savings_percentage_after_discount';
COMMENT ON COLUMN reporting.recommendations.effort IS :'recommendation_effort';
COMMENT ON COLUMN reporting.recommendations.restart_needed IS :'recommendation_restart_needed';
COMMENT ON COLUMN reporting.recommendations.rollback_possible IS :'recommendation_rollback_possible';
COMMENT ON COLUMN reporting.recommendations.lookback_days IS :'recommendation_lookback_days';
COMMENT ON COLUMN reporting.recommendations.refreshed_at IS :'recommendation_refreshed_at';
COMMENT ON COLUMN reporting.recommendations.tags IS :'recommendation_tags';
COMMENT ON COLUMN reporting.recommendations.resource_details IS :'recommendation_resource_details';
COMMENT ON COLUMN reporting.recommendations.recommended_details IS :'recommendation_recommended_details';
COMMENT ON COLUMN reporting.recommendations.details IS :'recommendation_details';
COMMENT ON COLUMN reporting.recommendations.run_id IS :'recommendation_run_id';
