-- The lines of every bill: one day, one account, about a dozen services; one line in ten belongs to a breakdown. A bill
-- that was restated has them twice.

INSERT INTO finfleet.cost_lines
       (run_id, number, line, breakdown, charge_period_start, charge_period_end, billing_currency, billed_cost,
        effective_cost, list_cost, amounts, charge_category, charge_class, charge_type, charge_description, service_name,
        sub_account_id, sub_account_name, region_id, resource_id, sku_id, consumed_quantity, consumed_unit, tags,
        estimated, billing_period_start, billing_period_end)
SELECT r.run_id, 1 + n / 1000, n %% 1000,
       CASE WHEN n %% 10 = 9 THEN 'region' ELSE '' END,
       r.window_start, r.window_end, CASE t.provider WHEN 'azure' THEN 'EUR' ELSE 'USD' END,
       m.money + (r.attempt - 1) * 0.01, m.money * 0.9, m.money * 1.2, '{}',
       CASE n %% 50 WHEN 0 THEN 'Tax' WHEN 1 THEN 'Purchase' ELSE 'Usage' END, '',
       'Usage', '', (ARRAY['Compute', 'Storage', 'Database', 'Functions', 'Network', 'Kubernetes', 'Queue', 'Search',
                           'Monitoring', 'Registry', 'Secrets', 'Support'])[1 + n %% 12],
       -- The payer tells of the first account, which tells of itself.
       'id-of-' || CASE t.account WHEN 'payer' THEN 'account-00' ELSE t.account END, t.account,
       'region-' || n %% 5,
       CASE WHEN n %% 10 = 9 THEN '' ELSE format('%%s/%%s/resource/%%s', t.provider, t.account, n) END,
       'sku-' || n %% 40, m.hours, 'Hours',
       jsonb_build_object('team', 'team-' || n %% 7),
       r.window_end > %(now)s - interval '3 days',
       date_trunc('month', r.window_start, 'UTC'), date_trunc('month', r.window_start, 'UTC') + interval '1 month'
  FROM finfleet.runs AS r
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN generate_series(0, %(lines)s::int - 1) AS n
 CROSS JOIN LATERAL (
           SELECT ((hashint8(n * 1009 + r.target_id * 17::bigint) & 1048575) / 10000.0)::numeric(12, 6) AS money,
                  1 + n %% 24 AS hours
       ) AS m
 WHERE t.service IN ('cost', 'billing')
 ORDER BY r.window_start, t.target_id, r.attempt
