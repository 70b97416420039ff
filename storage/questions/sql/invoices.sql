-- title = "What each invoice comes to, and what is on none yet"
-- answers = "Does the sum of the lines match what the provider has invoiced? By the month of the invoice."
-- span = "13 months"
-- order = "month of the invoice, provider, the greatest cost first"
-- columns = ["invoice_month", "provider", "sub_account_id", "invoice_id", "billing_currency", "billed_cost", "lines", "without_billed_cost"]
-- [meanings]
-- invoice_month = "month: FOCUS BillingPeriodStart: first day of the month of the invoice; null where the provider does not say."
-- invoice_id = "text: FOCUS InvoiceId; empty: not invoiced yet, or the provider does not say."
SELECT (billing_period_start AT TIME ZONE 'UTC')::date AS invoice_month, provider, sub_account_id, invoice_id,
       billing_currency, sum(billed_cost) AS billed_cost, sum(lines)::bigint AS lines,
       sum(without_billed_cost)::bigint AS without_billed_cost
  FROM {plain_summaries|%(from)s|%(to)s}
 GROUP BY 1, provider, sub_account_id, invoice_id, billing_currency
 ORDER BY 1 NULLS LAST, provider, sum(billed_cost) DESC NULLS LAST, sub_account_id, invoice_id, billing_currency
