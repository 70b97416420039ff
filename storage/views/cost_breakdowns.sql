CREATE VIEW reporting.cost_breakdowns AS
SELECT l.breakdown,
       c.provider, c.account,
       l.charge_period_start, l.charge_period_end, l.billing_currency,
       l.billed_cost, l.effective_cost, l.list_cost, l.contracted_cost,
       l.charge_category, l.charge_class, l.charge_type, l.charge_description,
       l.service_name, l.sub_account_id, l.sub_account_name, l.region_id, l.resource_id, l.sku_id,
       l.consumed_quantity, l.consumed_unit, l.tags, l.amounts, l.estimated,
       c.started_at AS collected_at, l.run_id,
       l.billing_period_start, l.billing_period_end,
       l.lines, l.service_category, l.availability_zone, l.invoice_id,
       l.pricing_category, l.pricing_quantity, l.pricing_unit, l.sku_price_id,
       l.commitment_discount_id, l.commitment_discount_status, l.commitment_discount_type, l.details
  FROM finfleet.cost_lines AS l
  -- Looked up once for each run whose lines are read. As joins, Postgres expects one row of them, since it takes their
  -- conditions for independent of each other, and reads the whole ledger for every query.
 CROSS JOIN LATERAL (
           SELECT t.provider, t.account, r.started_at, c.target_id, c.window_start
             FROM finfleet.runs AS r
             JOIN finfleet.collections AS c USING (target_id, window_start)
             JOIN finfleet.targets AS t USING (target_id)
            WHERE r.run_id = l.run_id AND c.settled_run = r.run_id
            LIMIT 1
       ) AS c
 WHERE l.breakdown <> ''
   -- What is cut by another thing than the account counts where anything of its bill does.
   AND coalesce(
           (
               SELECT bool_or(s.counts)
                 FROM finfleet.cost_scopes AS s
                WHERE s.target_id = c.target_id
                  AND s.window_start = c.window_start
                  AND s.day = (l.charge_period_start AT TIME ZONE 'UTC')::date
                  AND (l.sub_account_id = '' OR s.sub_account_id = l.sub_account_id)
           ),
           true
       );

COMMENT ON VIEW reporting.cost_breakdowns IS
    'The same money as in reporting.costs, cut in other ways where the provider cannot tell everything at once: by'
    ' region, by a tag. Each breakdown by itself is the whole. Name one breakdown and a range of charge_period_start.'
    ' The lines of a target of whose bill nothing counts that day (reporting.cost_sources) are left out.';
COMMENT ON COLUMN reporting.cost_breakdowns.breakdown IS
    'How these lines cut the money: region, tag:team ... Never add lines of two breakdowns.';
COMMENT ON COLUMN reporting.cost_breakdowns.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_breakdowns.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_period_start IS :'charge_period_start';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_period_end IS :'charge_period_end';
COMMENT ON COLUMN reporting.cost_breakdowns.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_breakdowns.billed_cost IS :'billed_cost';
COMMENT ON COLUMN reporting.cost_breakdowns.effective_cost IS :'effective_cost';
COMMENT ON COLUMN reporting.cost_breakdowns.list_cost IS :'list_cost';
COMMENT ON COLUMN reporting.cost_breakdowns.contracted_cost IS :'contracted_cost';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_class IS :'charge_class';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_type IS :'charge_type';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_description IS :'charge_description';
COMMENT ON COLUMN reporting.cost_breakdowns.service_name IS :'service_name';
COMMENT ON COLUMN reporting.cost_breakdowns.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.cost_breakdowns.sub_account_name IS :'sub_account_name';
COMMENT ON COLUMN reporting.cost_breakdowns.region_id IS :'region_id';
COMMENT ON COLUMN reporting.cost_breakdowns.resource_id IS :'focus_resource_id';
COMMENT ON COLUMN reporting.cost_breakdowns.sku_id IS :'sku_id';
COMMENT ON COLUMN reporting.cost_breakdowns.consumed_quantity IS :'consumed_quantity';
COMMENT ON COLUMN reporting.cost_breakdowns.consumed_unit IS :'consumed_unit';
COMMENT ON COLUMN reporting.cost_breakdowns.tags IS :'tags';
COMMENT ON COLUMN reporting.cost_breakdowns.amounts IS :'amounts';
COMMENT ON COLUMN reporting.cost_breakdowns.estimated IS :'estimated';
COMMENT ON COLUMN reporting.cost_breakdowns.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.cost_breakdowns.run_id IS :'run_id';
COMMENT ON COLUMN reporting.cost_breakdowns.billing_period_start IS :'billing_period_start';
COMMENT ON COLUMN reporting.cost_breakdowns.billing_period_end IS :'billing_period_end';
COMMENT ON COLUMN reporting.cost_breakdowns.lines IS :'provider_lines';
COMMENT ON COLUMN reporting.cost_breakdowns.service_category IS :'service_category';
COMMENT ON COLUMN reporting.cost_breakdowns.availability_zone IS :'availability_zone';
COMMENT ON COLUMN reporting.cost_breakdowns.invoice_id IS :'invoice_id';
COMMENT ON COLUMN reporting.cost_breakdowns.pricing_category IS :'pricing_category';
COMMENT ON COLUMN reporting.cost_breakdowns.pricing_quantity IS :'pricing_quantity';
COMMENT ON COLUMN reporting.cost_breakdowns.pricing_unit IS :'pricing_unit';
COMMENT ON COLUMN reporting.cost_breakdowns.sku_price_id IS :'sku_price_id';
COMMENT ON COLUMN reporting.cost_breakdowns.commitment_discount_id IS :'commitment_discount_id';
COMMENT ON COLUMN reporting.cost_breakdowns.commitment_discount_status IS :'commitment_discount_status';
COMMENT ON COLUMN reporting.cost_breakdowns.commitment_discount_type IS :'commitment_discount_type';
COMMENT ON COLUMN reporting.cost_breakdowns.details IS :'details';
