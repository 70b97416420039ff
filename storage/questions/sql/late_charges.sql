-- title = "Charges that are on the invoice of another month than that of their use"
-- answers = "What came late, or was carried over, and onto which invoice?"
-- span = "13 months"
-- order = "month of use, month of the invoice, provider"
-- columns = ["month", "invoice_month", "provider", "service_name", "charge_category", "billing_currency", "billed_cost", "lines", "without_billed_cost"]
-- [meanings]
-- invoice_month = "month: FOCUS BillingPeriodStart: first day of the month of the invoice."
SELECT month, (billing_period_start AT TIME ZONE 'UTC')::date AS invoice_month, provider, service_name,
       charge_category, billing_currency, sum(billed_cost) AS billed_cost, sum(lines)::bigint AS lines,
       sum(without_billed_cost)::bigint AS without_billed_cost
  FROM {plain_summaries|%(from)s|%(to)s}
 WHERE date_trunc('month', billing_period_start AT TIME ZONE 'UTC')::date <> month
 GROUP BY month, 2, provider, service_name, charge_category, billing_currency
 ORDER BY month, 2, provider, service_name, charge_category, billing_currency
