-- title = "Commitment coverage: how much of the usage is paid by reservations and savings plans, by month and service"
-- answers = "Where is there still usage at on-demand prices? Of bills that tell the pricing category or the commitment; what others cost is unknown_cost, and in no percentage."
-- span = "3 months"
-- order = "month, the greatest uncovered cost first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no commitment"
-- columns = ["month", "provider", "service_name", "billing_currency", "covered_cost", "uncovered_cost", "covered_percent", "unknown_cost", "without_effective_cost"]
-- [meanings]
-- covered_cost = "money: effective_cost of usage that a commitment covers; null where the bill does not tell."
-- uncovered_cost = "money: effective_cost of usage that none does, spot among it; null where the bill does not tell."
-- covered_percent = "percent: covered_cost of both; null where the bill does not tell."
-- unknown_cost = "money: effective_cost of usage of which it is not known; null where there is none."
WITH told AS (
    SELECT month, provider, service_name, billing_currency,
           sum(effective_cost) FILTER (WHERE {commitment_told} AND commitment_discount_id <> '') AS covered_cost,
           sum(effective_cost) FILTER (WHERE {commitment_told} AND commitment_discount_id = '') AS uncovered_cost,
           sum(effective_cost) FILTER (WHERE NOT {commitment_told}) AS unknown_cost,
           {without_effective} AS without_effective_cost
      FROM {lines|%(from)s|%(to)s}
     WHERE charge_category = 'Usage' AND {commitment_status} <> 'Unused'
     GROUP BY month, provider, service_name, billing_currency
)
SELECT month, provider, service_name, billing_currency, covered_cost, uncovered_cost,
       {percent_of|coalesce(covered_cost, 0)|(coalesce(covered_cost, 0) + coalesce(uncovered_cost, 0))}
           AS covered_percent,
       unknown_cost, without_effective_cost
  FROM told
 ORDER BY month, uncovered_cost DESC NULLS LAST, provider, service_name, billing_currency
