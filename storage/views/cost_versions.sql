-- A version is looked up by its run, and what was left out by its day and account: so a range of charge_period_start
-- leads to the lines, and a range of window_start to those of what is not kept as lines any more.
CREATE VIEW reporting.cost_versions AS
SELECT v.provider, v.account, l.charge_period_start, l.charge_period_end, l.billing_currency, l.billed_cost,
       l.effective_cost, l.list_cost, l.contracted_cost, l.charge_category, l.charge_class, l.charge_type,
       l.charge_description, l.service_name, l.sub_account_id, l.sub_account_name, l.region_id, l.resource_id,
       l.sku_id, l.consumed_quantity, l.consumed_unit, l.tags, l.amounts, l.estimated, v.started_at AS collected_at,
       v.run_id, l.billing_period_start, l.billing_period_end, v.window_start, v.window_end, v.first_day, v.last_day,
       v.since AS known_from, v.until AS known_until, c.counted, v.kept, l.lines, l.service_category,
       l.availability_zone, l.invoice_id, l.pricing_category, l.pricing_quantity, l.pricing_unit, l.sku_price_id,
       l.commitment_discount_id, l.commitment_discount_status, l.commitment_discount_type, l.details
  FROM finfleet.cost_lines AS l
  JOIN :bill_versions AS v ON v.run_id = l.run_id AND v.kept = 'lines'
 CROSS JOIN LATERAL (SELECT (l.charge_period_start AT TIME ZONE 'UTC')::date AS day, l.sub_account_id) AS k
 CROSS JOIN LATERAL :counted AS c
 WHERE l.breakdown = ''
 UNION ALL
SELECT v.provider, v.account, k.day::timestamp AT TIME ZONE 'UTC', (k.day + 1)::timestamp AT TIME ZONE 'UTC',
       m.billing_currency, m.billed_cost, m.effective_cost, m.list_cost, m.contracted_cost, m.charge_category, '', '',
       '', m.service_name, m.sub_account_id, '', m.region_id, '', '', NULL, '', '{}', '{}', m.estimated, v.started_at,
       v.run_id, m.billing_period_start, NULL, v.window_start, v.window_end, v.first_day, v.last_day, v.since,
       v.until, c.counted, v.kept, m.lines, '', '', m.invoice_id, '', NULL, '', '', '', '', '', '{}'
  FROM :bill_versions AS v
  JOIN finfleet.bill_summaries AS m ON m.run_id = v.run_id
 CROSS JOIN LATERAL (SELECT m.day, m.sub_account_id) AS k
 CROSS JOIN LATERAL :counted AS c
 WHERE v.kept = 'summaries'
 UNION ALL
SELECT v.provider, v.account, coalesce(k.day::timestamp AT TIME ZONE 'UTC', v.window_start),
       coalesce((k.day + 1)::timestamp AT TIME ZONE 'UTC', v.window_end), m.billing_currency, m.billed_cost,
       m.effective_cost, m.list_cost, m.contracted_cost, m.charge_category, '', '', '', m.service_name,
       m.sub_account_id, '', '', '', '', NULL, '', '{}', '{}', m.estimated, v.started_at, v.run_id, NULL, NULL,
       v.window_start, v.window_end, v.first_day, v.last_day, v.since, v.until, c.counted, v.kept, m.lines, '', '',
       '', '', NULL, '', '', '', '', '', '{}'
  FROM :bill_versions AS v
 CROSS JOIN LATERAL :version_totals
 CROSS JOIN LATERAL (SELECT m.day, m.sub_account_id) AS k
 CROSS JOIN LATERAL :counted AS c
 WHERE v.kept = 'totals';

COMMENT ON VIEW reporting.cost_versions IS
    'The lines of every version of the bills. Of a version whose lines are not kept any more, its sums by day and'
    ' service, or by service of its whole window: column kept says so, and what they do not tell is empty. counted @>'
    ' a time is the bill as it was then: reporting.costs_as_of asks that. Name a range of charge_period_start or a'
    ' run_id of reporting.bill_versions.';
COMMENT ON COLUMN reporting.cost_versions.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_versions.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_versions.charge_period_start IS :'charge_period_start';
COMMENT ON COLUMN reporting.cost_versions.charge_period_end IS :'charge_period_end';
COMMENT ON COLUMN reporting.cost_versions.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_versions.billed_cost IS :'billed_cost';
COMMENT ON COLUMN reporting.cost_versions.effective_cost IS :'effective_cost';
COMMENT ON COLUMN reporting.cost_versions.list_cost IS :'list_cost';
COMMENT ON COLUMN reporting.cost_versions.contracted_cost IS :'contracted_cost';
COMMENT ON COLUMN reporting.cost_versions.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.cost_versions.charge_class IS :'charge_class';
COMMENT ON COLUMN reporting.cost_versions.charge_type IS :'charge_type';
COMMENT ON COLUMN reporting.cost_versions.charge_description IS :'charge_description';
COMMENT ON COLUMN reporting.cost_versions.service_name IS :'service_name';
COMMENT ON COLUMN reporting.cost_versions.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.cost_versions.sub_account_name IS :'sub_account_name';
COMMENT ON COLUMN reporting.cost_versions.region_id IS :'region_id';
COMMENT ON COLUMN reporting.cost_versions.resource_id IS :'focus_resource_id';
COMMENT ON COLUMN reporting.cost_versions.sku_id IS :'sku_id';
COMMENT ON COLUMN reporting.cost_versions.consumed_quantity IS :'consumed_quantity';
COMMENT ON COLUMN reporting.cost_versions.consumed_unit IS :'consumed_unit';
COMMENT ON COLUMN reporting.cost_versions.tags IS :'tags';
COMMENT ON COLUMN reporting.cost_versions.amounts IS :'amounts';
COMMENT ON COLUMN reporting.cost_versions.estimated IS :'estimated';
COMMENT ON COLUMN reporting.cost_versions.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.cost_versions.run_id IS :'run_id';
COMMENT ON COLUMN reporting.cost_versions.billing_period_start IS :'billing_period_start';
COMMENT ON COLUMN reporting.cost_versions.billing_period_end IS :'billing_period_end';
COMMENT ON COLUMN reporting.cost_versions.window_start IS :'window_start';
COMMENT ON COLUMN reporting.cost_versions.window_end IS :'window_end';
COMMENT ON COLUMN reporting.cost_versions.first_day IS :'first_day';
COMMENT ON COLUMN reporting.cost_versions.last_day IS :'last_day';
COMMENT ON COLUMN reporting.cost_versions.known_from IS :'known_from';
COMMENT ON COLUMN reporting.cost_versions.known_until IS :'known_until';
COMMENT ON COLUMN reporting.cost_versions.counted IS
    'When these charges counted: while this version was the bill, but for the times that another target''s did.';
COMMENT ON COLUMN reporting.cost_versions.kept IS :'kept';
COMMENT ON COLUMN reporting.cost_versions.lines IS :'provider_lines';
COMMENT ON COLUMN reporting.cost_versions.service_category IS :'service_category';
COMMENT ON COLUMN reporting.cost_versions.availability_zone IS :'availability_zone';
COMMENT ON COLUMN reporting.cost_versions.invoice_id IS :'invoice_id';
COMMENT ON COLUMN reporting.cost_versions.pricing_category IS :'pricing_category';
COMMENT ON COLUMN reporting.cost_versions.pricing_quantity IS :'pricing_quantity';
COMMENT ON COLUMN reporting.cost_versions.pricing_unit IS :'pricing_unit';
COMMENT ON COLUMN reporting.cost_versions.sku_price_id IS :'sku_price_id';
COMMENT ON COLUMN reporting.cost_versions.commitment_discount_id IS :'commitment_discount_id';
COMMENT ON COLUMN reporting.cost_versions.commitment_discount_status IS :'commitment_discount_status';
COMMENT ON COLUMN reporting.cost_versions.commitment_discount_type IS :'commitment_discount_type';
COMMENT ON COLUMN reporting.cost_versions.details IS :'details';
