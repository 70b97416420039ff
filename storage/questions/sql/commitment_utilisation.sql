-- title = "Commitment utilisation: how much of each reservation and savings plan is used"
-- answers = "What is paid for and not used? Of bills that tell: of others there is no row, which does not mean that nothing is unused."
-- span = "3 months"
-- order = "month, the greatest unused cost first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no commitment"
-- columns = ["month", "provider", "commitment_discount_id", "commitment_discount_type", "billing_currency", "used_cost", "unused_cost", "used_percent", "unknown_cost", "without_effective_cost"]
-- [meanings]
-- used_cost = "money: effective_cost of what it covers; null where the bill does not tell."
-- unused_cost = "money: effective_cost of what nothing used; null where the bill tells of none."
-- used_percent = "percent: used_cost of both; null where the bill tells neither."
-- unknown_cost = "money: effective_cost of its lines that do not tell which; null where there is none."
WITH told AS (
    SELECT month, provider, commitment_discount_id, max(commitment_discount_type) AS commitment_discount_type,
           billing_currency,
           sum(effective_cost) FILTER (WHERE {commitment_status} = 'Used') AS used_cost,
           sum(effective_cost) FILTER (WHERE {commitment_status} = 'Unused') AS unused_cost,
           sum(effective_cost) FILTER (WHERE {commitment_status} = '' AND charge_category <> 'Purchase')
               AS unknown_cost,
           {without_effective} AS without_effective_cost
      FROM {lines|%(from)s|%(to)s}
     WHERE commitment_discount_id <> ''
     GROUP BY month, provider, commitment_discount_id, billing_currency
)
SELECT month, provider, commitment_discount_id, commitment_discount_type, billing_currency, used_cost, unused_cost,
       {percent_of|coalesce(used_cost, 0)|(coalesce(used_cost, 0) + coalesce(unused_cost, 0))} AS used_percent,
       unknown_cost, without_effective_cost
  FROM told
 ORDER BY month, unused_cost DESC NULLS LAST, provider, commitment_discount_id, billing_currency
