-- What is recommended: for each account of AWS twenty proposals a day, of the last month.

INSERT INTO finfleet.recommendations
       (run_id, number, line, recommendation_id, source, sub_account_id, sub_account_name, region_id, resource_id,
        resource_type, resource_summary, action, recommended_type, recommended_summary, currency, monthly_cost,
        monthly_savings, effort, restart_needed, rollback_possible, lookback_days, refreshed_at)
SELECT r.run_id, 1, n, format('%%s-%%s', t.account, n), 'ComputeOptimizer', 'id-of-' || t.account, t.account,
       'region-' || n %% 5, format('%%s/%%s/resource/%%s', t.provider, t.account, n), 'Ec2Instance', 'm5.large',
       (ARRAY['Rightsize', 'Stop', 'Delete', 'MigrateToGraviton'])[1 + n %% 4], 'Ec2Instance', 't3.medium', 'USD',
       100 + n, CASE n %% 7 WHEN 0 THEN NULL ELSE n END, 'Low', true, n %% 2 = 0, 14, r.window_end
  FROM finfleet.runs AS r
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN generate_series(0, 19) AS n
 WHERE t.provider = 'aws' AND t.service = 's3' AND r.window_start >= %(runs_since)s
