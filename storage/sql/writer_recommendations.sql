-- Recommendations.

-- name: copy
COPY finfleet.recommendations (
    run_id, number, line, recommendation_id, source, sub_account_id, sub_account_name, region_id, resource_id,
    resource_type, resource_summary, action, recommended_type, recommended_summary, currency, monthly_cost,
    monthly_cost_after_discount, monthly_savings, monthly_savings_after_discount, savings_percentage,
    savings_percentage_after_discount, effort, restart_needed, rollback_possible, lookback_days, refreshed_at,
    tags, resource_details, recommended_details, details
) FROM STDIN
