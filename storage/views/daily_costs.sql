CREATE VIEW reporting.daily_costs AS
SELECT provider, account, day, sub_account_id, service_name, charge_category, billing_currency,
       sum(billed_cost) AS billed_cost,
       sum(effective_cost) AS effective_cost,
       bool_or(estimated) AS estimated,
       sum(list_cost) AS list_cost,
       sum(contracted_cost) AS contracted_cost,
       sum(lines) AS lines,
       sum(without_billed_cost) AS without_billed_cost,
       sum(without_effective_cost) AS without_effective_cost,
       sum(without_list_cost) AS without_list_cost,
       sum(without_contracted_cost) AS without_contracted_cost
  FROM reporting.cost_summaries
 GROUP BY provider, account, day, sub_account_id, service_name, charge_category, billing_currency;

COMMENT ON VIEW reporting.daily_costs IS
    'The bill by day, account, service, category and currency. A day that is missing here was not collected, or had'
    ' no costs: reporting.coverage tells which. Name a range of day: it leads to the days that are read.';
COMMENT ON COLUMN reporting.daily_costs.provider IS :'provider';
COMMENT ON COLUMN reporting.daily_costs.account IS :'asked_account';
COMMENT ON COLUMN reporting.daily_costs.day IS :'charge_day';
COMMENT ON COLUMN reporting.daily_costs.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.daily_costs.service_name IS :'service_name';
COMMENT ON COLUMN reporting.daily_costs.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.daily_costs.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.daily_costs.billed_cost IS :'billed_cost_sum';
COMMENT ON COLUMN reporting.daily_costs.effective_cost IS :'effective_cost_sum';
COMMENT ON COLUMN reporting.daily_costs.estimated IS :'estimated';
COMMENT ON COLUMN reporting.daily_costs.list_cost IS :'list_cost_sum';
COMMENT ON COLUMN reporting.daily_costs.contracted_cost IS :'contracted_cost_sum';
COMMENT ON COLUMN reporting.daily_costs.lines IS :'lines_of_sums';
COMMENT ON COLUMN reporting.daily_costs.without_billed_cost IS :'without_cost';
COMMENT ON COLUMN reporting.daily_costs.without_effective_cost IS :'without_cost';
COMMENT ON COLUMN reporting.daily_costs.without_list_cost IS :'without_cost';
COMMENT ON COLUMN reporting.daily_costs.without_contracted_cost IS :'without_cost';
