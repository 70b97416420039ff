CREATE VIEW reporting.unallocated_costs AS
SELECT a.month, a.day, d.dimension, d.why, a.provider, a.account, a.sub_account_id, a.service_name, a.charge_category,
       a.billing_currency, a.billed_cost, a.effective_cost, a.list_cost, a.contracted_cost, a.untold
  FROM finfleet.allocations AS a
  JOIN finfleet.allocation_owners AS o USING (month, owner)
 CROSS JOIN LATERAL jsonb_each_text(o.how) AS d(dimension, why)
 WHERE NOT o.owners ? d.dimension;

COMMENT ON VIEW reporting.unallocated_costs IS
    'What nobody owns, and why: a row for each dimension that has no owner for it. Never add the rows of two'
    ' dimensions. Name one dimension, and a range of day.';
COMMENT ON COLUMN reporting.unallocated_costs.month IS :'allocated_month';
COMMENT ON COLUMN reporting.unallocated_costs.day IS :'charge_day';
COMMENT ON COLUMN reporting.unallocated_costs.dimension IS 'The dimension in which it has no owner: team ...';
COMMENT ON COLUMN reporting.unallocated_costs.why IS
    'Why it has none: no rule takes it, or what is shared has nothing to be split by.';
COMMENT ON COLUMN reporting.unallocated_costs.provider IS :'provider';
COMMENT ON COLUMN reporting.unallocated_costs.account IS :'asked_account';
COMMENT ON COLUMN reporting.unallocated_costs.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.unallocated_costs.service_name IS :'service_name';
COMMENT ON COLUMN reporting.unallocated_costs.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.unallocated_costs.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.unallocated_costs.billed_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.unallocated_costs.effective_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.unallocated_costs.list_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.unallocated_costs.contracted_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.unallocated_costs.untold IS :'untold';
