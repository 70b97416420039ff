-- title = "Month by month: what each application, team ... costs, by the values of a tag"
-- answers = "What does each value of a tag cost, and how much has none? Values are as the bill spells them: tag_spellings tells which may be the same. Bills that are asked of an API have tags as breakdowns alone: costs_by_breakdown."
-- span = "3 months"
-- tag = "team"
-- order = "month, the greatest cost first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no tags"
-- columns = ["month", "provider", "tag_value", "billing_currency", "billed_cost", "effective_cost", "former_cost", "change", "change_percent", "without_billed_cost", "without_effective_cost"]
-- [meanings]
-- billed_cost = "money: What is invoiced, of the lines that tell it; null where none does, and of what is gone since the month before."
-- former_cost = "money: billed_cost of the month before; null where nothing was told of it."
WITH told AS (
    SELECT month, provider, tags ->> %(tag)s::text AS tag_value, billing_currency,
           sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
           {without_billed} AS without_billed_cost, {without_effective} AS without_effective_cost
      FROM {lines|%(from)s|%(to)s}
     GROUP BY 1, 2, 3, 4
)
SELECT coalesce(t.month, f.next_month) AS month, coalesce(t.provider, f.provider) AS provider,
       coalesce(t.tag_value, f.tag_value) AS tag_value,
       coalesce(t.billing_currency, f.billing_currency) AS billing_currency,
       t.billed_cost, t.effective_cost, f.billed_cost AS former_cost,
       CASE WHEN coalesce(t.month, f.next_month) > date_trunc('month', (%(from)s)::date)::date
            THEN coalesce(t.billed_cost, 0) - coalesce(f.billed_cost, 0) END AS change,
       {percent_more|coalesce(t.billed_cost, 0)|f.billed_cost} AS change_percent,
       coalesce(t.without_billed_cost, 0) AS without_billed_cost,
       coalesce(t.without_effective_cost, 0) AS without_effective_cost
  FROM told AS t
  FULL JOIN (SELECT *, (month + interval '1 month')::date AS next_month FROM told) AS f
    ON (f.provider, f.billing_currency, coalesce(f.tag_value, ''), f.tag_value IS NULL)
       = (t.provider, t.billing_currency, coalesce(t.tag_value, ''), t.tag_value IS NULL)
   AND f.next_month = t.month
 WHERE t.month IS NOT NULL OR f.next_month < (%(to)s)::date
 ORDER BY month, billed_cost DESC NULLS LAST, provider, tag_value NULLS LAST, billing_currency
