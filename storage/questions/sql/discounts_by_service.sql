-- title = "From list to contracted to effective to billed cost, by service"
-- answers = "On which services are there discounts, and of which kind? A cost that not every line tells is beside how many do not."
-- span = "1 months"
-- order = "the greatest list cost first"
-- columns = ["provider", "service_name", "billing_currency", "list_cost", "contracted_cost", "effective_cost", "billed_cost", "without_list_cost", "without_contracted_cost", "without_effective_cost", "without_billed_cost"]
-- [meanings]
-- without_list_cost = "count: Lines that do not tell list_cost, which are not in its sum."
-- without_contracted_cost = "count: Lines that do not tell contracted_cost, which are not in its sum."
SELECT provider, service_name, billing_currency, sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost,
       sum(effective_cost) AS effective_cost, sum(billed_cost) AS billed_cost,
       sum(without_list_cost)::bigint AS without_list_cost,
       sum(without_contracted_cost)::bigint AS without_contracted_cost,
       sum(without_effective_cost)::bigint AS without_effective_cost,
       sum(without_billed_cost)::bigint AS without_billed_cost
  FROM {plain_summaries|%(from)s|%(to)s}
 GROUP BY provider, service_name, billing_currency
 ORDER BY sum(list_cost) DESC NULLS LAST, provider, service_name, billing_currency
