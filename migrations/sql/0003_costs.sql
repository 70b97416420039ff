-- Lines of costs, and the views of them.

CREATE TABLE finfleet.cost_lines (
    run_id uuid NOT NULL,
    number integer NOT NULL,
    line integer NOT NULL,
    breakdown text NOT NULL,
    charge_period_start timestamptz NOT NULL,
    charge_period_end timestamptz NOT NULL,
    billing_currency text NOT NULL,
    billed_cost numeric,
    effective_cost numeric,
    list_cost numeric,
    contracted_cost numeric,
    amounts jsonb NOT NULL DEFAULT '{}'::jsonb,
    charge_category text NOT NULL,
    charge_class text NOT NULL,
    charge_type text NOT NULL,
    charge_description text NOT NULL,
    service_name text NOT NULL,
    sub_account_id text NOT NULL,
    sub_account_name text NOT NULL,
    region_id text NOT NULL,
    resource_id text NOT NULL,
    sku_id text NOT NULL,
    consumed_quantity numeric,
    consumed_unit text NOT NULL,
    tags jsonb NOT NULL DEFAULT '{}'::jsonb,
    estimated boolean,
    CONSTRAINT cost_lines_pkey PRIMARY KEY (run_id, number, line),
    CONSTRAINT cost_lines_run_id_fkey FOREIGN KEY (run_id) REFERENCES finfleet.runs (run_id) ON DELETE CASCADE
);

CREATE INDEX cost_lines_charge_period_start_idx ON finfleet.cost_lines (charge_period_start);

-- The bill as it stands: of each day the lines of the collection that settled it ------------------------------------

CREATE VIEW reporting.costs AS
SELECT t.provider, t.account,
       l.charge_period_start, l.charge_period_end, l.billing_currency,
       l.billed_cost, l.effective_cost, l.list_cost, l.contracted_cost,
       l.charge_category, l.charge_class, l.charge_type, l.charge_description,
       l.service_name, l.sub_account_id, l.sub_account_name, l.region_id, l.resource_id, l.sku_id,
       l.consumed_quantity, l.consumed_unit, l.tags, l.amounts, l.estimated,
       r.started_at AS collected_at, r.run_id
  FROM finfleet.cost_lines AS l
  JOIN finfleet.runs AS r USING (run_id)
  JOIN finfleet.collections AS c USING (target_id, window_start)
  JOIN finfleet.targets AS t USING (target_id)
 WHERE l.breakdown = '' AND c.settled_run = l.run_id;

COMMENT ON VIEW reporting.costs IS
    'The bill, each charge once, in the terms of FOCUS 1.2. Of each day the last collection that is whole: a restated day replaces the former one. Sum one column of amounts at a time, grouped by billing_currency. Where a paying account and its members are both configured, the same charges come from both: choose one account.';
COMMENT ON COLUMN reporting.costs.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.costs.account IS 'The account that was asked, by its name in the configuration; see sub_account_id for whose costs a line is.';
COMMENT ON COLUMN reporting.costs.charge_period_start IS 'FOCUS ChargePeriodStart: beginning of the period, in UTC.';
COMMENT ON COLUMN reporting.costs.charge_period_end IS 'FOCUS ChargePeriodEnd: end of the period, in UTC, not part of it.';
COMMENT ON COLUMN reporting.costs.billing_currency IS 'FOCUS BillingCurrency, ISO 4217. Group by it: amounts of two currencies have no sum.';
COMMENT ON COLUMN reporting.costs.billed_cost IS 'FOCUS BilledCost: what is invoiced for the period. Null: this line does not tell, which a sum rightly skips.';
COMMENT ON COLUMN reporting.costs.effective_cost IS 'FOCUS EffectiveCost: with purchases spread over what they are for. Null: this line does not tell.';
COMMENT ON COLUMN reporting.costs.list_cost IS 'FOCUS ListCost: at list prices. Null: the provider does not tell.';
COMMENT ON COLUMN reporting.costs.contracted_cost IS 'FOCUS ContractedCost: at negotiated prices. Null: the provider does not tell.';
COMMENT ON COLUMN reporting.costs.charge_category IS 'FOCUS ChargeCategory: Usage, Purchase, Tax, Credit, Adjustment; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.costs.charge_class IS 'FOCUS ChargeClass: Correction, or empty.';
COMMENT ON COLUMN reporting.costs.charge_type IS 'The provider''s own word for the kind of charge: record type, charge type, cost type.';
COMMENT ON COLUMN reporting.costs.charge_description IS 'FOCUS ChargeDescription, or empty.';
COMMENT ON COLUMN reporting.costs.service_name IS 'FOCUS ServiceName, in the provider''s words; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.costs.sub_account_id IS 'FOCUS SubAccountId: linked account, subscription or project that the costs are of.';
COMMENT ON COLUMN reporting.costs.sub_account_name IS 'FOCUS SubAccountName, or empty.';
COMMENT ON COLUMN reporting.costs.region_id IS 'FOCUS RegionId; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.costs.resource_id IS 'FOCUS ResourceId: the provider''s own full id; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.costs.sku_id IS 'FOCUS SkuId, or empty.';
COMMENT ON COLUMN reporting.costs.consumed_quantity IS 'FOCUS ConsumedQuantity, or null.';
COMMENT ON COLUMN reporting.costs.consumed_unit IS 'FOCUS ConsumedUnit, or empty.';
COMMENT ON COLUMN reporting.costs.tags IS 'FOCUS Tags, as the provider has them.';
COMMENT ON COLUMN reporting.costs.amounts IS 'Further amounts that the provider tells apart, by its own names, in the same currency.';
COMMENT ON COLUMN reporting.costs.estimated IS 'Whether the provider still called the amounts an estimate; null where it does not say.';
COMMENT ON COLUMN reporting.costs.collected_at IS 'When the lines were read, in UTC.';
COMMENT ON COLUMN reporting.costs.run_id IS 'The collection that read them; see reporting.cost_history.';

-- The same money, cut in other ways ----------------------------------------------------------------------------------

CREATE VIEW reporting.cost_breakdowns AS
SELECT l.breakdown,
       t.provider, t.account,
       l.charge_period_start, l.charge_period_end, l.billing_currency,
       l.billed_cost, l.effective_cost, l.list_cost, l.contracted_cost,
       l.charge_category, l.charge_class, l.charge_type, l.charge_description,
       l.service_name, l.sub_account_id, l.sub_account_name, l.region_id, l.resource_id, l.sku_id,
       l.consumed_quantity, l.consumed_unit, l.tags, l.amounts, l.estimated,
       r.started_at AS collected_at, r.run_id
  FROM finfleet.cost_lines AS l
  JOIN finfleet.runs AS r USING (run_id)
  JOIN finfleet.collections AS c USING (target_id, window_start)
  JOIN finfleet.targets AS t USING (target_id)
 WHERE l.breakdown <> '' AND c.settled_run = l.run_id;

COMMENT ON VIEW reporting.cost_breakdowns IS
    'The same money as in reporting.costs, cut in other ways where the provider cannot tell everything at once: by region, by a tag. Each breakdown by itself is the whole; name one in every query.';
COMMENT ON COLUMN reporting.cost_breakdowns.breakdown IS 'How these lines cut the money: region, tag:team ... Never add lines of two breakdowns.';
COMMENT ON COLUMN reporting.cost_breakdowns.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.cost_breakdowns.account IS 'The account that was asked, by its name in the configuration; see sub_account_id for whose costs a line is.';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_period_start IS 'FOCUS ChargePeriodStart: beginning of the period, in UTC.';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_period_end IS 'FOCUS ChargePeriodEnd: end of the period, in UTC, not part of it.';
COMMENT ON COLUMN reporting.cost_breakdowns.billing_currency IS 'FOCUS BillingCurrency, ISO 4217. Group by it: amounts of two currencies have no sum.';
COMMENT ON COLUMN reporting.cost_breakdowns.billed_cost IS 'FOCUS BilledCost: what is invoiced for the period. Null: this line does not tell, which a sum rightly skips.';
COMMENT ON COLUMN reporting.cost_breakdowns.effective_cost IS 'FOCUS EffectiveCost: with purchases spread over what they are for. Null: this line does not tell.';
COMMENT ON COLUMN reporting.cost_breakdowns.list_cost IS 'FOCUS ListCost: at list prices. Null: the provider does not tell.';
COMMENT ON COLUMN reporting.cost_breakdowns.contracted_cost IS 'FOCUS ContractedCost: at negotiated prices. Null: the provider does not tell.';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_category IS 'FOCUS ChargeCategory: Usage, Purchase, Tax, Credit, Adjustment; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_class IS 'FOCUS ChargeClass: Correction, or empty.';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_type IS 'The provider''s own word for the kind of charge: record type, charge type, cost type.';
COMMENT ON COLUMN reporting.cost_breakdowns.charge_description IS 'FOCUS ChargeDescription, or empty.';
COMMENT ON COLUMN reporting.cost_breakdowns.service_name IS 'FOCUS ServiceName, in the provider''s words; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.cost_breakdowns.sub_account_id IS 'FOCUS SubAccountId: linked account, subscription or project that the costs are of.';
COMMENT ON COLUMN reporting.cost_breakdowns.sub_account_name IS 'FOCUS SubAccountName, or empty.';
COMMENT ON COLUMN reporting.cost_breakdowns.region_id IS 'FOCUS RegionId; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.cost_breakdowns.resource_id IS 'FOCUS ResourceId: the provider''s own full id; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.cost_breakdowns.sku_id IS 'FOCUS SkuId, or empty.';
COMMENT ON COLUMN reporting.cost_breakdowns.consumed_quantity IS 'FOCUS ConsumedQuantity, or null.';
COMMENT ON COLUMN reporting.cost_breakdowns.consumed_unit IS 'FOCUS ConsumedUnit, or empty.';
COMMENT ON COLUMN reporting.cost_breakdowns.tags IS 'FOCUS Tags, as the provider has them.';
COMMENT ON COLUMN reporting.cost_breakdowns.amounts IS 'Further amounts that the provider tells apart, by its own names, in the same currency.';
COMMENT ON COLUMN reporting.cost_breakdowns.estimated IS 'Whether the provider still called the amounts an estimate; null where it does not say.';
COMMENT ON COLUMN reporting.cost_breakdowns.collected_at IS 'When the lines were read, in UTC.';
COMMENT ON COLUMN reporting.cost_breakdowns.run_id IS 'The collection that read them; see reporting.cost_history.';

-- By day and service -------------------------------------------------------------------------------------------------

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
    'The bill by day, account, service, category and currency. A day that is missing here was not collected, or had no costs: reporting.coverage tells which.';
COMMENT ON COLUMN reporting.daily_costs.day IS 'Day in UTC on which the charges begin.';
COMMENT ON COLUMN reporting.daily_costs.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.daily_costs.account IS 'The account that was asked, by its name in the configuration; see sub_account_id for whose costs a line is.';
COMMENT ON COLUMN reporting.daily_costs.billing_currency IS 'FOCUS BillingCurrency, ISO 4217. Group by it: amounts of two currencies have no sum.';
COMMENT ON COLUMN reporting.daily_costs.billed_cost IS 'FOCUS BilledCost: what is invoiced for the period. Null: this line does not tell, which a sum rightly skips.';
COMMENT ON COLUMN reporting.daily_costs.effective_cost IS 'FOCUS EffectiveCost: with purchases spread over what they are for. Null: this line does not tell.';
COMMENT ON COLUMN reporting.daily_costs.charge_category IS 'FOCUS ChargeCategory: Usage, Purchase, Tax, Credit, Adjustment; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.daily_costs.service_name IS 'FOCUS ServiceName, in the provider''s words; empty where the breakdown does not tell.';
COMMENT ON COLUMN reporting.daily_costs.sub_account_id IS 'FOCUS SubAccountId: linked account, subscription or project that the costs are of.';
COMMENT ON COLUMN reporting.daily_costs.estimated IS 'Whether the provider still called the amounts an estimate; null where it does not say.';

-- What was said of a day, and when -----------------------------------------------------------------------------------

CREATE VIEW reporting.cost_history AS
WITH said AS (
    SELECT c.target_id, c.window_start, c.window_end, r.run_id, r.attempt, r.started_at,
           r.run_id IS NOT DISTINCT FROM c.settled_run AS is_current,
           l.billing_currency,
           count(l.run_id) AS lines,
           sum(l.billed_cost) AS billed_cost,
           sum(l.effective_cost) AS effective_cost,
           bool_or(l.estimated) AS estimated
      FROM finfleet.collections AS c
      JOIN finfleet.runs AS r USING (target_id, window_start)
      JOIN finfleet.cost_lines AS l ON l.run_id = r.run_id AND l.breakdown = ''
     -- Only what is whole was ever the bill.
     WHERE r.outcome = 'complete' AND r.batches_committed = r.batches_expected
     GROUP BY c.target_id, c.window_start, c.window_end, r.run_id, r.attempt, r.started_at, is_current,
              l.billing_currency
)
SELECT t.provider, t.account, s.window_start, s.window_end, s.billing_currency,
       s.started_at AS collected_at, s.attempt, s.is_current, s.lines, s.billed_cost, s.effective_cost, s.estimated,
       s.billed_cost - lag(s.billed_cost) OVER own AS billed_cost_change,
       s.effective_cost - lag(s.effective_cost) OVER own AS effective_cost_change,
       s.run_id
  FROM said AS s
  JOIN finfleet.targets AS t USING (target_id)
WINDOW own AS (PARTITION BY s.target_id, s.window_start, s.billing_currency ORDER BY s.attempt, s.started_at, s.run_id);

COMMENT ON VIEW reporting.cost_history IS
    'Every whole collection of a window of costs, one row a currency: how the provider restated it. Only the row that is_current counts; collections that do not are forgotten after retention.runs.';
COMMENT ON COLUMN reporting.cost_history.window_start IS 'Beginning of the window, in UTC.';
COMMENT ON COLUMN reporting.cost_history.window_end IS 'End of the window, in UTC, not part of it.';
COMMENT ON COLUMN reporting.cost_history.attempt IS 'The attempt at the window, numbered from 1.';
COMMENT ON COLUMN reporting.cost_history.is_current IS 'Whether this is what reporting.costs shows.';
COMMENT ON COLUMN reporting.cost_history.lines IS 'Lines of the bill.';
COMMENT ON COLUMN reporting.cost_history.billed_cost_change IS 'Against the collection before; null for the first, or where one of the two does not tell.';
COMMENT ON COLUMN reporting.cost_history.effective_cost_change IS 'Against the collection before; null for the first, or where one of the two does not tell.';
COMMENT ON COLUMN reporting.cost_history.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.cost_history.account IS 'The account that was asked, by its name in the configuration; see sub_account_id for whose costs a line is.';
COMMENT ON COLUMN reporting.cost_history.billing_currency IS 'FOCUS BillingCurrency, ISO 4217. Group by it: amounts of two currencies have no sum.';
COMMENT ON COLUMN reporting.cost_history.billed_cost IS 'FOCUS BilledCost: what is invoiced for the period. Null: this line does not tell, which a sum rightly skips.';
COMMENT ON COLUMN reporting.cost_history.effective_cost IS 'FOCUS EffectiveCost: with purchases spread over what they are for. Null: this line does not tell.';
COMMENT ON COLUMN reporting.cost_history.estimated IS 'Whether the provider still called the amounts an estimate; null where it does not say.';
COMMENT ON COLUMN reporting.cost_history.collected_at IS 'When the lines were read, in UTC.';
COMMENT ON COLUMN reporting.cost_history.run_id IS 'The collection that read them; see reporting.cost_history.';
