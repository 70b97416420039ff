-- title = "Purchases: commitments and subscriptions that are paid by themselves, by month"
-- answers = "What was bought in advance: reservations, savings plans, subscriptions?"
-- span = "3 months"
-- order = "month, the smallest amount first"
-- columns = ["month", "provider", "sub_account_id", "service_name", "charge_type", "charge_description", "billing_currency", "billed_cost", "effective_cost", "lines", "without_billed_cost"]
{charges|charge_category = 'Purchase'}
