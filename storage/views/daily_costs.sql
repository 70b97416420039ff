CREATE VIEW reporting.daily_costs AS
SELECT provider, account,
       (charge_period_start AT TIME ZONE 'UTC')::date AS day,
       sub_account_id, service_name, charge_category, billing_currency,
       sum(billed_cost) AS billed_cost,
       sum(effective_cost) AS effective_cost,
       bool_or(estimated) AS estimated
  FROM reporting.costs
 GROUP BY provider, account, day, sub_account_id, service_name, charge_category, billing_currency;

COMMENT ON VIEW reporting.daily_costs IS
    'The bill by day, account, service, category and currency. A day that is missing here was not collected, or had'
    ' no costs: reporting.coverage tells which. Name a range of day.';
COMMENT ON COLUMN reporting.daily_costs.provider IS :'provider';
COMMENT ON COLUMN reporting.daily_costs.account IS :'asked_account';
COMMENT ON COLUMN reporting.daily_costs.day IS :'charge_day';
COMMENT ON COLUMN reporting.daily_costs.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.daily_costs.service_name IS :'service_name';
COMMENT ON COLUMN reporting.daily_costs.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.daily_costs.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.daily_costs.billed_cost IS :'billed_cost';
COMMENT ON COLUMN reporting.daily_costs.effective_cost IS :'effective_cost';
COMMENT ON COLUMN reporting.daily_costs.estimated IS :'estimated';
