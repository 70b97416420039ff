-- title = "What has no value of a tag, by account and service"
-- answers = "Who has to tag what, so that the bill can be told apart? Usage whose tag is missing or empty."
-- span = "1 months"
-- tag = "team"
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no tags"
-- columns = ["provider", "sub_account_id", "sub_account_name", "service_name", "billing_currency", "billed_cost", "of_all", "untagged_percent", "resources", "without_billed_cost"]
-- [meanings]
-- billed_cost = "money: Of usage without the tag; null where no line tells it."
-- of_all = "money: Of all usage of this account and service."
-- untagged_percent = "percent: billed_cost of of_all."
-- resources = "count: Different resources without the tag."
-- without_billed_cost = "count: Lines without the tag that do not tell billed_cost."
WITH told AS (
    SELECT provider, sub_account_id, max(sub_account_name) AS sub_account_name, service_name, billing_currency,
           sum(billed_cost) FILTER (WHERE bare) AS billed_cost, sum(billed_cost) AS of_all,
           count(DISTINCT resource_id) FILTER (WHERE bare AND resource_id <> '') AS resources,
           coalesce(sum(lines) FILTER (WHERE bare AND billed_cost IS NULL), 0)::bigint AS without_billed_cost,
           bool_or(bare) AS any_bare
      FROM (
            SELECT *, coalesce(btrim(tags ->> %(tag)s::text), '') = '' AS bare
              FROM {lines|%(from)s|%(to)s} AS l
             WHERE charge_category = 'Usage'
           ) AS l
     GROUP BY provider, sub_account_id, service_name, billing_currency
)
SELECT provider, sub_account_id, sub_account_name, service_name, billing_currency, billed_cost, of_all,
       {percent_of|billed_cost|of_all} AS untagged_percent, resources, without_billed_cost
  FROM told
 WHERE any_bare
 ORDER BY billed_cost DESC NULLS LAST, provider, sub_account_id, service_name, billing_currency
