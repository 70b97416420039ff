-- title = "Which tags there are, and how much of the bill has each"
-- answers = "By which tag can the bill be told apart? Of usage; keys are as the bill spells them."
-- span = "1 months"
-- order = "the greatest share first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no tags"
-- columns = ["provider", "tag_key", "billing_currency", "billed_cost", "of_all", "share", "values", "lines"]
-- [meanings]
-- tag_key = "text: Key of the tag."
-- billed_cost = "money: Of usage with a value of it."
-- of_all = "money: Of all usage of this provider and currency."
-- share = "percent: billed_cost of of_all."
-- values = "count: Different values."
WITH told AS (
    SELECT * FROM {lines|%(from)s|%(to)s} AS l WHERE charge_category = 'Usage'
),
whole AS (
    SELECT provider, billing_currency, sum(billed_cost) AS of_all FROM told GROUP BY provider, billing_currency
)
SELECT t.provider, k.key AS tag_key, t.billing_currency, sum(t.billed_cost) AS billed_cost, min(w.of_all) AS of_all,
       {percent_of|sum(t.billed_cost)|min(w.of_all)} AS share, count(DISTINCT k.value) AS values,
       sum(t.lines)::bigint AS lines
  FROM told AS t
 CROSS JOIN LATERAL jsonb_each_text(t.tags) AS k
  JOIN whole AS w ON (w.provider, w.billing_currency) = (t.provider, t.billing_currency)
 WHERE k.value <> ''
 GROUP BY t.provider, k.key, t.billing_currency
 ORDER BY sum(t.billed_cost) DESC NULLS LAST, t.provider, k.key, t.billing_currency
