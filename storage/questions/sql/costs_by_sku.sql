-- title = "What each SKU costs: quantity, list, contracted and effective cost, and the price of a unit"
-- answers = "What is paid for what is used, by the provider's own items?"
-- span = "1 months"
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no SKU"
-- columns = ["provider", "service_name", "sku_id", "charge_description", "billing_currency", "quantity", "unit", "billed_cost", "effective_cost", "list_cost", "contracted_cost", "unit_cost"]
-- [meanings]
-- unit_cost = "money: effective_cost of one unit, to 10 decimals; null where not every line tells both."
SELECT provider, service_name, sku_id, charge_description, billing_currency,
       sum(consumed_quantity) AS quantity, consumed_unit AS unit,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost, sum(list_cost) AS list_cost,
       sum(contracted_cost) AS contracted_cost,
       CASE WHEN bool_and(effective_cost IS NOT NULL AND consumed_quantity IS NOT NULL)
            THEN round(sum(effective_cost) / nullif(sum(consumed_quantity), 0), 10) END AS unit_cost
  FROM {lines|%(from)s|%(to)s}
 GROUP BY provider, service_name, sku_id, charge_description, billing_currency, consumed_unit
 ORDER BY sum(billed_cost) DESC NULLS LAST, provider, service_name, sku_id, charge_description, billing_currency,
          consumed_unit
