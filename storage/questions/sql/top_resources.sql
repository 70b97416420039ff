-- title = "The resources that cost most"
-- answers = "Which single things is the money spent on? Of bills that name resources: those from files, and Google's."
-- span = "1 months"
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no resource"
-- columns = ["provider", "sub_account_id", "service_name", "region_id", "resource_id", "resource_name", "billing_currency", "billed_cost", "effective_cost", "share", "without_billed_cost", "without_effective_cost"]
WITH told AS (
    SELECT provider, sub_account_id, service_name, region_id, resource_id, billing_currency,
           sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
           {without_billed} AS without_billed_cost, {without_effective} AS without_effective_cost
      FROM {lines|%(from)s|%(to)s}
     GROUP BY provider, sub_account_id, service_name, region_id, resource_id, billing_currency
),
shares AS (
    SELECT *, {percent_of|billed_cost|sum(billed_cost) OVER (PARTITION BY billing_currency)} AS share FROM told
),
names AS (
    SELECT provider, resource_id, min(name) AS name FROM reporting.resources WHERE name <> '' GROUP BY 1, 2
)
SELECT t.provider, t.sub_account_id, t.service_name, t.region_id, t.resource_id, n.name AS resource_name,
       t.billing_currency, t.billed_cost, t.effective_cost, t.share, t.without_billed_cost, t.without_effective_cost
  FROM shares AS t
  LEFT JOIN names AS n ON (n.provider, n.resource_id) = (t.provider, t.resource_id)
 ORDER BY t.billed_cost DESC NULLS LAST, t.provider, t.sub_account_id, t.service_name, t.region_id, t.resource_id,
          t.billing_currency
