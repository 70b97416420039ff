-- title = "Effective savings rate: what discounts and commitments save of list and of contracted prices, by month"
-- answers = "What do negotiated prices and commitments bring? Of usage that tells both costs; what does not is left_out_cost."
-- span = "13 months"
-- order = "month, provider"
-- columns = ["month", "provider", "billing_currency", "list_cost", "contracted_cost", "effective_cost", "savings", "savings_percent", "contracted_savings_percent", "left_out_cost"]
-- [meanings]
-- list_cost = "money: Of usage that tells list_cost and effective_cost; null where none does."
-- contracted_cost = "money: Of the same usage; null where some of it does not tell."
-- effective_cost = "money: Of the same usage."
-- savings = "money: list_cost less effective_cost."
-- savings_percent = "percent: savings of list_cost."
-- contracted_savings_percent = "percent: contracted_cost less effective_cost, of contracted_cost (FOCUS effective savings rate)."
-- left_out_cost = "money: effective_cost of usage of which some lines do not tell list_cost; null where there is none."
WITH told AS (
    SELECT month, provider, billing_currency,
           sum(list_cost) FILTER (WHERE whole) AS list_cost,
           CASE WHEN coalesce(sum(without_contracted_cost) FILTER (WHERE whole), 0) = 0
                THEN sum(contracted_cost) FILTER (WHERE whole) END AS contracted_cost,
           sum(effective_cost) FILTER (WHERE whole) AS effective_cost,
           sum(effective_cost) FILTER (WHERE NOT whole) AS left_out_cost
      FROM (
            SELECT *, without_list_cost = 0 AND without_effective_cost = 0 AS whole
              FROM {plain_summaries|%(from)s|%(to)s} AS s
             WHERE charge_category = 'Usage'
           ) AS s
     GROUP BY month, provider, billing_currency
)
SELECT month, provider, billing_currency, list_cost, contracted_cost, effective_cost,
       list_cost - effective_cost AS savings,
       {percent_of|(list_cost - effective_cost)|list_cost} AS savings_percent,
       {percent_of|(contracted_cost - effective_cost)|contracted_cost} AS contracted_savings_percent, left_out_cost
  FROM told
 ORDER BY month, provider, billing_currency
