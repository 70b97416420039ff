-- title = "Cash against accrual: what is invoiced and what it is for, by month"
-- answers = "How far are billed and effective cost apart? They differ by what is paid in advance and used later."
-- span = "13 months"
-- order = "month, provider"
-- columns = ["month", "provider", "billing_currency", "billed_cost", "effective_cost", "difference", "without_billed_cost", "without_effective_cost"]
-- [meanings]
-- difference = "money: billed_cost less effective_cost; null where some lines do not tell both."
SELECT month, provider, billing_currency, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       CASE WHEN sum(without_billed_cost) = 0 AND sum(without_effective_cost) = 0
            THEN sum(billed_cost) - sum(effective_cost) END AS difference,
       sum(without_billed_cost)::bigint AS without_billed_cost,
       sum(without_effective_cost)::bigint AS without_effective_cost
  FROM {plain_summaries|%(from)s|%(to)s}
 GROUP BY month, provider, billing_currency
 ORDER BY month, provider, billing_currency
