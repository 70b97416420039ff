-- title = "How much of the bill is still an estimate, by month"
-- answers = "Which months can be reported as final? What providers do not say is counted apart."
-- span = "3 months"
-- order = "month, provider"
-- columns = ["month", "provider", "billing_currency", "final_cost", "estimated_cost", "unknown_cost"]
-- [meanings]
-- final_cost = "money: billed_cost that the provider calls final; null where there is none."
-- estimated_cost = "money: That it calls an estimate, or that is of a day and service of which some is; null where there is none."
-- unknown_cost = "money: Of which it says neither; null where there is none."
SELECT month, provider, billing_currency, sum(billed_cost) FILTER (WHERE NOT estimated) AS final_cost,
       sum(billed_cost) FILTER (WHERE estimated) AS estimated_cost,
       sum(billed_cost) FILTER (WHERE estimated IS NULL) AS unknown_cost
  FROM {plain_summaries|%(from)s|%(to)s}
 GROUP BY month, provider, billing_currency
 ORDER BY month, provider, billing_currency
