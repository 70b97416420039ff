-- title = "What data transfer costs, by kind"
-- answers = "What does it cost to move data between zones, regions and out? Lines of usage whose description, SKU or usage type fits the threshold pattern, in any case of letters."
-- span = "1 months"
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no kind of usage"
-- columns = ["provider", "service_name", "charge_description", "sku_id", "region_id", "billing_currency", "quantity", "unit", "billed_cost", "effective_cost", "without_billed_cost"]
-- [thresholds]
-- pattern = {default = "data ?transfer|bandwidth|egress|inter.?region|inter.?zone|network (out|traffic)|nat ?gateway.*bytes", meaning = "regular expression: what is taken for data transfer"}
SELECT provider, service_name, charge_description, sku_id, region_id, billing_currency,
       sum(consumed_quantity) AS quantity, consumed_unit AS unit,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost, {without_billed} AS without_billed_cost
  FROM {lines|%(from)s|%(to)s}
 WHERE charge_category = 'Usage'
   AND concat_ws(' ', charge_description, sku_id, details ->> 'UsageType') ~* %(pattern)s::text
 GROUP BY provider, service_name, charge_description, sku_id, region_id, billing_currency, consumed_unit
 ORDER BY sum(billed_cost) DESC NULLS LAST, provider, service_name, charge_description, sku_id, region_id,
          billing_currency, consumed_unit
