CREATE VIEW reporting.allocated_costs AS
SELECT a.month, a.day, a.provider, a.account, a.sub_account_id, a.service_name, a.charge_category, a.billing_currency,
       coalesce(o.owners ->> 'team', 'unallocated') AS team,
       coalesce(o.owners ->> 'application', 'unallocated') AS application,
       coalesce(o.owners ->> 'cost_center', 'unallocated') AS cost_center,
       o.owners, o.how, o.shared, o.weight_coverage,
       a.billed_cost, a.effective_cost, a.list_cost, a.contracted_cost, a.untold
  FROM finfleet.allocations AS a
  JOIN finfleet.allocation_owners AS o USING (month, owner);

COMMENT ON VIEW reporting.allocated_costs IS
    'Whose each charge of the bill is, over all clouds, by the rules of the month (docs/allocation.md): by day,'
    ' owner, account, service, category and currency. Parts of what is shared are the whole, to the last digit: the'
    ' sums are those of reporting.cost_summaries when the month was allocated, and reporting.allocation_months says'
    ' whether that is still so. Sum one column of amounts at a time, grouped by billing_currency. Name a range of'
    ' day.';
COMMENT ON COLUMN reporting.allocated_costs.month IS :'allocated_month';
COMMENT ON COLUMN reporting.allocated_costs.day IS :'charge_day';
COMMENT ON COLUMN reporting.allocated_costs.provider IS :'provider';
COMMENT ON COLUMN reporting.allocated_costs.account IS :'asked_account';
COMMENT ON COLUMN reporting.allocated_costs.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.allocated_costs.service_name IS :'service_name';
COMMENT ON COLUMN reporting.allocated_costs.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.allocated_costs.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.allocated_costs.team IS
    'The owner in the dimension team; unallocated where the rules find none, or have no such dimension.';
COMMENT ON COLUMN reporting.allocated_costs.application IS 'The same for the dimension application.';
COMMENT ON COLUMN reporting.allocated_costs.cost_center IS 'The same for the dimension cost_center.';
COMMENT ON COLUMN reporting.allocated_costs.owners IS
    'The owner in each dimension of the rules, by its name; one that is not there is unallocated.';
COMMENT ON COLUMN reporting.allocated_costs.how IS
    'How the owner in each dimension was found: the rule, what it is a part of and how that was split, or why there'
    ' is none.';
COMMENT ON COLUMN reporting.allocated_costs.shared IS 'Whether it is a part of a charge that several share.';
COMMENT ON COLUMN reporting.allocated_costs.weight_coverage IS
    'Where it was split by a metric: how much of the month was collected of it, in percent. Below 100 the parts are'
    ' those of what is known. Null: it was not split by a metric.';
COMMENT ON COLUMN reporting.allocated_costs.billed_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.allocated_costs.effective_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.allocated_costs.list_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.allocated_costs.contracted_cost IS :'allocated_cost';
COMMENT ON COLUMN reporting.allocated_costs.untold IS :'untold';
