CREATE VIEW reporting.costs AS
SELECT :line_of_bill
  FROM :lines_of_bills
 WHERE l.breakdown = ''
   AND :is_counted;

COMMENT ON VIEW reporting.costs IS
    'The bill, each charge once, in the terms of FOCUS 1.2. Of each day the last collection that is whole: a'
    ' restated day replaces the former one. Sum one column of amounts at a time, grouped by billing_currency. Where'
    ' two targets tell of the same charges (a paying account and its member, one account under two names), those of one'
    ' of them are here: reporting.cost_sources says which. By sub_account_id they are found, whoever tells of them.'
    ' Name a range of charge_period_start.';
COMMENT ON COLUMN reporting.costs.provider IS :'provider';
COMMENT ON COLUMN reporting.costs.account IS :'asked_account';
COMMENT ON COLUMN reporting.costs.charge_period_start IS :'charge_period_start';
COMMENT ON COLUMN reporting.costs.charge_period_end IS :'charge_period_end';
COMMENT ON COLUMN reporting.costs.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.costs.billed_cost IS :'billed_cost';
COMMENT ON COLUMN reporting.costs.effective_cost IS :'effective_cost';
COMMENT ON COLUMN reporting.costs.list_cost IS :'list_cost';
COMMENT ON COLUMN reporting.costs.contracted_cost IS :'contracted_cost';
COMMENT ON COLUMN reporting.costs.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.costs.charge_class IS :'charge_class';
COMMENT ON COLUMN reporting.costs.charge_type IS :'charge_type';
COMMENT ON COLUMN reporting.costs.charge_description IS :'charge_description';
COMMENT ON COLUMN reporting.costs.service_name IS :'service_name';
COMMENT ON COLUMN reporting.costs.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.costs.sub_account_name IS :'sub_account_name';
COMMENT ON COLUMN reporting.costs.region_id IS :'region_id';
COMMENT ON COLUMN reporting.costs.resource_id IS :'focus_resource_id';
COMMENT ON COLUMN reporting.costs.sku_id IS :'sku_id';
COMMENT ON COLUMN reporting.costs.consumed_quantity IS :'consumed_quantity';
COMMENT ON COLUMN reporting.costs.consumed_unit IS :'consumed_unit';
COMMENT ON COLUMN reporting.costs.tags IS :'tags';
COMMENT ON COLUMN reporting.costs.amounts IS :'amounts';
COMMENT ON COLUMN reporting.costs.estimated IS :'estimated';
COMMENT ON COLUMN reporting.costs.collected_at IS :'collected_at';
COMMENT ON COLUMN reporting.costs.run_id IS :'run_id';
COMMENT ON COLUMN reporting.costs.billing_period_start IS :'billing_period_start';
COMMENT ON COLUMN reporting.costs.billing_period_end IS :'billing_period_end';
COMMENT ON COLUMN reporting.costs.lines IS :'provider_lines';
COMMENT ON COLUMN reporting.costs.service_category IS :'service_category';
COMMENT ON COLUMN reporting.costs.availability_zone IS :'availability_zone';
COMMENT ON COLUMN reporting.costs.invoice_id IS :'invoice_id';
COMMENT ON COLUMN reporting.costs.pricing_category IS :'pricing_category';
COMMENT ON COLUMN reporting.costs.pricing_quantity IS :'pricing_quantity';
COMMENT ON COLUMN reporting.costs.pricing_unit IS :'pricing_unit';
COMMENT ON COLUMN reporting.costs.sku_price_id IS :'sku_price_id';
COMMENT ON COLUMN reporting.costs.commitment_discount_id IS :'commitment_discount_id';
COMMENT ON COLUMN reporting.costs.commitment_discount_status IS :'commitment_discount_status';
COMMENT ON COLUMN reporting.costs.commitment_discount_type IS :'commitment_discount_type';
COMMENT ON COLUMN reporting.costs.details IS :'details';
