-- title = "Month by month: what each application, team ... costs, by the values of a tag"
-- answers = "What does each value of a tag cost, and how much has none? Values are as the bill spells them: tag_spellings tells which may be the same. Bills that are asked of an API have tags as breakdowns alone: costs_by_breakdown."
-- span = "3 months"
-- tag = "team"
-- order = "month, the greatest cost first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no tags"
-- columns = ["month", "provider", "tag_value", "billing_currency", "billed_cost", "effective_cost", "former_cost", "change", "change_percent", "without_billed_cost", "without_effective_cost"]
-- [meanings]
-- former_cost = "money: billed_cost of the month before; null where nothing was told of it."
WITH told AS (
    SELECT month, provider, tags ->> %(tag)s::text AS tag_value, billing_currency,
           sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
           {without_billed} AS without_billed_cost, {without_effective} AS without_effective_cost
      FROM {lines|%(from)s|%(to)s}
     GROUP BY 1, 2, 3, 4
)
SELECT t.month, t.provider, t.tag_value, t.billing_currency, t.billed_cost, t.effective_cost,
       f.billed_cost AS former_cost,
       CASE WHEN t.month > date_trunc('month', (%(from)s)::date)::date
            THEN t.billed_cost - coalesce(f.billed_cost, 0) END AS change,
       {percent_more|t.billed_cost|f.billed_cost} AS change_percent,
       t.without_billed_cost, t.without_effective_cost
  FROM told AS t
  LEFT JOIN told AS f
    ON (f.provider, f.billing_currency) = (t.provider, t.billing_currency)
   AND f.tag_value IS NOT DISTINCT FROM t.tag_value
   AND f.month = (t.month - interval '1 month')::date
 ORDER BY t.month, t.billed_cost DESC NULLS LAST, t.provider, t.tag_value NULLS LAST, t.billing_currency
