-- title = "What of commitments nobody used, day by day"
-- answers = "On which days was a reservation or savings plan paid for nothing?"
-- span = "30 days"
-- order = "day, the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no commitment"
-- columns = ["day", "provider", "sub_account_id", "commitment_discount_id", "commitment_discount_type", "billing_currency", "effective_cost", "without_effective_cost"]
SELECT day, provider, sub_account_id, commitment_discount_id, max(commitment_discount_type) AS commitment_discount_type,
       billing_currency, sum(effective_cost) AS effective_cost, {without_effective} AS without_effective_cost
  FROM {lines|%(from)s|%(to)s}
 WHERE commitment_discount_id <> '' AND {commitment_status} = 'Unused'
 GROUP BY day, provider, sub_account_id, commitment_discount_id, billing_currency
 ORDER BY day, sum(effective_cost) DESC NULLS LAST, provider, sub_account_id, commitment_discount_id, billing_currency
