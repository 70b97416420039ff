-- title = "Values of a tag that differ by spelling alone"
-- answers = "Which values are probably the same: Web Shop, web-shop, WEBSHOP? They differ by case, blanks and signs only."
-- span = "1 months"
-- tag = "team"
-- order = "the greatest cost of all spellings first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no tags"
-- columns = ["spelling", "tag_value", "billing_currency", "billed_cost", "of_all", "lines", "first_day", "last_day"]
-- [meanings]
-- spelling = "text: Letters and digits of the values, in small letters."
-- tag_value = "text: The value as the bill has it."
-- of_all = "money: billed_cost of all spellings."
-- first_day = "day: The first day of those asked for with this spelling, in UTC."
-- last_day = "day: The last one."
WITH told AS (
    SELECT regexp_replace(lower(tags ->> %(tag)s::text), '[^[:alnum:]]', '', 'g') AS spelling,
           tags ->> %(tag)s::text AS tag_value, billing_currency, sum(billed_cost) AS billed_cost,
           sum(lines)::bigint AS lines, min(day) AS first_day, max(day) AS last_day
      FROM {lines|%(from)s|%(to)s}
     WHERE coalesce(tags ->> %(tag)s::text, '') <> ''
     GROUP BY 1, 2, 3
),
several AS (
    SELECT *, sum(billed_cost) OVER same AS of_all, min(tag_value) OVER every <> max(tag_value) OVER every AS differ
      FROM told
    WINDOW same AS (PARTITION BY spelling, billing_currency), every AS (PARTITION BY spelling)
)
SELECT spelling, tag_value, billing_currency, billed_cost, of_all, lines, first_day, last_day
  FROM several
 WHERE differ
 ORDER BY of_all DESC NULLS LAST, spelling, billing_currency, billed_cost DESC NULLS LAST, tag_value
