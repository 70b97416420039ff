-- title = "What storage costs, by class"
-- answers = "Which storage classes is the money spent on, and what does a unit cost? Lines of usage of FOCUS category Storage, or whose unit is of bytes for a time (threshold pattern)."
-- span = "1 months"
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no class"
-- columns = ["provider", "service_name", "class", "billing_currency", "quantity", "unit", "billed_cost", "effective_cost", "unit_cost", "without_billed_cost"]
-- [meanings]
-- class = "text: The provider's usage type, or else its description of the charge."
-- unit_cost = "money: effective_cost of one unit, to 10 decimals; null where not every line tells both."
-- [thresholds]
-- pattern = {default = "(byte|gb|gib|tb|tib)[ /.-]*(mo|hr|hour|day)", meaning = "regular expression: units that are taken for storage, in any case of letters"}
SELECT provider, service_name, coalesce(details ->> 'UsageType', charge_description) AS class, billing_currency,
       sum(consumed_quantity) AS quantity, consumed_unit AS unit,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       CASE WHEN bool_and(effective_cost IS NOT NULL AND consumed_quantity IS NOT NULL)
            THEN round(sum(effective_cost) / nullif(sum(consumed_quantity), 0), 10) END AS unit_cost,
       {without_billed} AS without_billed_cost
  FROM {lines|%(from)s|%(to)s}
 WHERE charge_category = 'Usage' AND (service_category = 'Storage' OR consumed_unit ~* %(pattern)s::text)
 GROUP BY provider, service_name, 3, billing_currency, consumed_unit
 ORDER BY sum(billed_cost) DESC NULLS LAST, provider, service_name, 3, billing_currency, consumed_unit
