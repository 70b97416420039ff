-- title = "Credits: what the provider gives back or in advance, by month"
-- answers = "What was credited, of which kind and for which service?"
-- span = "3 months"
-- order = "month, the smallest amount first"
-- columns = ["month", "provider", "sub_account_id", "service_name", "charge_type", "charge_description", "billing_currency", "billed_cost", "effective_cost", "lines", "without_billed_cost"]
{charges|charge_category = 'Credit'}
