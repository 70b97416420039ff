-- title = "Unit costs: what a unit of each service costs, by month"
-- answers = "Does a unit get dearer or cheaper? Usage by its own unit, of lines that tell quantity and effective cost."
-- span = "3 months"
-- order = "month, provider, service, unit"
-- slow = "reads every line of the bill of its months, since the summaries of days have no quantity"
-- columns = ["month", "provider", "service_name", "unit", "billing_currency", "quantity", "effective_cost", "unit_cost", "former_unit_cost", "change_percent", "left_out_lines"]
-- [meanings]
-- unit_cost = "money: effective_cost of one unit, to 10 decimals; null where the quantity is nothing."
-- former_unit_cost = "money: unit_cost of the month before; null where there is none."
-- change_percent = "percent: By how much a unit is dearer than the month before."
-- left_out_lines = "count: Lines of usage that do not tell both, and are in neither sum."
WITH told AS (
    SELECT month, provider, service_name, consumed_unit AS unit, billing_currency,
           sum(consumed_quantity) FILTER (WHERE effective_cost IS NOT NULL) AS quantity,
           sum(effective_cost) FILTER (WHERE consumed_quantity IS NOT NULL) AS effective_cost,
           coalesce(sum(lines) FILTER (WHERE num_nulls(effective_cost, consumed_quantity) > 0), 0)::bigint
               AS left_out_lines
      FROM {lines|%(from)s|%(to)s}
     WHERE charge_category = 'Usage'
     GROUP BY month, provider, service_name, consumed_unit, billing_currency
),
priced AS (
    SELECT *, round(effective_cost / nullif(quantity, 0), 10) AS unit_cost FROM told
)
SELECT t.month, t.provider, t.service_name, t.unit, t.billing_currency, t.quantity, t.effective_cost, t.unit_cost,
       f.unit_cost AS former_unit_cost, {percent_more|t.unit_cost|f.unit_cost} AS change_percent, t.left_out_lines
  FROM priced AS t
  LEFT JOIN priced AS f
    ON (f.provider, f.service_name, f.unit, f.billing_currency)
       = (t.provider, t.service_name, t.unit, t.billing_currency)
   AND f.month = (t.month - interval '1 month')::date
 ORDER BY t.month, t.provider, t.service_name, t.unit, t.billing_currency
