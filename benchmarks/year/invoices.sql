-- Invoices beside the bill: five for each account of AWS and day, each with its tax.

WITH read AS (
    INSERT INTO finfleet.bills (run_id, target_id, window_start, lines)
    SELECT r.run_id, r.target_id, r.window_start, 0
      FROM finfleet.runs AS r
      JOIN finfleet.targets AS t USING (target_id)
     WHERE t.provider = 'aws' AND t.service = 's3' AND r.window_start >= %(runs_since)s
        ON CONFLICT DO NOTHING
    RETURNING run_id, target_id, window_start
)
INSERT INTO finfleet.cost_lines
       (run_id, number, line, breakdown, charge_period_start, charge_period_end, billing_currency, billed_cost, amounts,
        charge_category, charge_class, charge_type, charge_description, service_name, sub_account_id, sub_account_name,
        region_id, resource_id, sku_id, consumed_unit, tags, estimated, billing_period_start, billing_period_end, invoice_id)
SELECT read.run_id, 2, n, 'invoice', read.window_start, read.window_start + interval '1 day', 'USD',
       119 + n, '{"Tax": 19}', '', '', 'INVOICE', '', '',
       'id-of-' || t.account, t.account, '', '', '', '', '{}', false, date_trunc('month', read.window_start, 'UTC'),
       date_trunc('month', read.window_start, 'UTC') + interval '1 month',
       format('%%s-%%s-%%s', t.account, to_char(read.window_start, 'YYYYMMDD'), n)
  FROM read
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN generate_series(0, 4) AS n
