-- title = "The bill from files against the API and the invoice, by month and account"
-- answers = "Do the sources agree, and of what kind is the difference? Where one is incomplete, the difference is no finding yet."
-- span = "3 months"
-- reads = []
-- order = "month, provider, account"
-- columns = ["month", "provider", "sub_account_id", "billing_currency", "file_cost", "api_cost", "invoice_cost", "difference", "tax", "credits", "timing", "rounding", "rest", "file_incomplete", "api_incomplete"]
-- [meanings]
-- file_cost = "money: billed_cost by the files; null where none tells of it."
-- api_cost = "money: billed_cost by the API; null where none tells of it."
-- invoice_cost = "money: Of file_cost what bears the number of an invoice; null where nothing does."
-- difference = "money: file_cost less api_cost; null where one side is missing."
-- tax = "money: Of the difference what is tax."
-- credits = "money: What is credits."
-- timing = "money: What is of days that one side tells of alone, or on the invoice of another month."
-- rounding = "money: What comes of days that differ by less than a cent."
-- rest = "money: What nothing of this explains."
-- file_incomplete = "text: Why file_cost may not be the whole; empty where nothing is known to be missing."
-- api_incomplete = "text: Why api_cost may not be; empty where nothing is known to be missing."
SELECT month, provider, sub_account_id, billing_currency, file_cost, api_cost, invoice_cost, difference, tax, credits,
       timing, rounding, rest, file_incomplete, api_incomplete
  FROM reporting.cost_reconciliation
 WHERE month >= date_trunc('month', (%(from)s)::date)::date AND month < (%(to)s)::date
   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR sub_account_id = %(account)s::text)
   AND (%(currency)s::text IS NULL OR billing_currency = %(currency)s::text)
 ORDER BY month, provider, sub_account_id, billing_currency
