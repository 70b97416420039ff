-- title = "Corrections of months that were invoiced before"
-- answers = "What does the provider correct of a month that it has invoiced already, by lines of FOCUS ChargeClass Correction? restatements tells what it has changed in place."
-- span = "3 months"
-- order = "month, the smallest amount first"
-- columns = ["month", "provider", "sub_account_id", "service_name", "charge_type", "charge_description", "billing_currency", "billed_cost", "effective_cost", "lines", "without_billed_cost"]
{charges|charge_class = 'Correction'}
