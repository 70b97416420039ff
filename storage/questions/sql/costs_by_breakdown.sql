-- title = "The bill as the provider itself cuts it: by region, by tag"
-- answers = "What does a region or a value of a tag cost, of a bill whose lines do not tell it? Each breakdown by itself is the whole: never add two."
-- span = "1 months"
-- order = "breakdown, month, the greatest cost first"
-- slow = "reads every line of each breakdown, of which there are no summaries"
-- columns = ["breakdown", "month", "provider", "account", "value", "billing_currency", "billed_cost", "effective_cost", "without_billed_cost", "without_effective_cost"]
-- [meanings]
-- breakdown = "text: How it is cut: region, tag:team ..."
-- value = "text: The region, or the value of the tag; null where a line has none."
SELECT breakdown, month, provider, account, value, billing_currency,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       {without_billed} AS without_billed_cost, {without_effective} AS without_effective_cost
  FROM (
        SELECT b.*, date_trunc('month', b.charge_period_start AT TIME ZONE 'UTC')::date AS month,
               CASE WHEN b.breakdown LIKE 'tag:%%' THEN b.tags ->> substr(b.breakdown, 5)
                    ELSE nullif(b.region_id, '') END AS value
          FROM reporting.cost_breakdowns AS b
         WHERE b.charge_period_start >= (%(from)s)::date::timestamp AT TIME ZONE 'UTC'
           AND b.charge_period_start < (%(to)s)::date::timestamp AT TIME ZONE 'UTC'
           AND {of_whom|b}
           AND (b.breakdown LIKE 'tag:%%' OR b.breakdown = 'region')
       ) AS b
 GROUP BY breakdown, month, provider, account, value, billing_currency
 ORDER BY breakdown, month, sum(billed_cost) DESC NULLS LAST, provider, account, value NULLS LAST, billing_currency
