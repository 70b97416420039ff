-- title = "Month by month: how much of each service is used, by unit"
-- answers = "Does the bill grow because more is used? Quantities of different units have no sum."
-- span = "3 months"
-- order = "month, service, the greatest quantity first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no quantity"
-- columns = ["month", "provider", "service_name", "unit", "quantity", "former_quantity", "change_percent", "without_quantity"]
-- [meanings]
-- former_quantity = "in unit: quantity of the month before; null where none was told."
-- change_percent = "percent: By how much more is used than the month before; null where nothing was."
-- without_quantity = "count: Lines of usage that do not tell a quantity."
WITH told AS (
    SELECT month, provider, service_name, consumed_unit AS unit, sum(consumed_quantity) AS quantity,
           coalesce(sum(lines) FILTER (WHERE consumed_quantity IS NULL), 0)::bigint AS without_quantity
      FROM {lines|%(from)s|%(to)s}
     WHERE charge_category = 'Usage'
     GROUP BY month, provider, service_name, consumed_unit
)
SELECT t.month, t.provider, t.service_name, t.unit, t.quantity, f.quantity AS former_quantity,
       {percent_more|t.quantity|f.quantity} AS change_percent, t.without_quantity
  FROM told AS t
  LEFT JOIN told AS f
    ON (f.provider, f.service_name, f.unit) = (t.provider, t.service_name, t.unit)
   AND f.month = (t.month - interval '1 month')::date
 ORDER BY t.month, t.provider, t.service_name, t.quantity DESC NULLS LAST, t.unit
