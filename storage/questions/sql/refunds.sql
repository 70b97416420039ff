-- title = "Refunds, by month"
-- answers = "What was refunded? Lines that the provider calls a refund, and adjustments below zero."
-- span = "3 months"
-- order = "month, the smallest amount first"
-- columns = ["month", "provider", "sub_account_id", "service_name", "charge_type", "charge_description", "billing_currency", "billed_cost", "effective_cost", "lines", "without_billed_cost"]
{charges|charge_type ~* 'refund' OR (charge_category = 'Adjustment' AND billed_cost < 0)}
