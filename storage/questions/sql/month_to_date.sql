-- title = "The month so far, beside the same days of last month and the whole of it"
-- answers = "Is this month dearer than the last one? Takes the month of the last day that is asked for, up to that day."
-- span = "2 months"
-- by = ["service", "account", "region", "provider", "charge_category", "configured_account"]
-- order = "the greatest cost of this month first"
-- columns = ["month", "through", "provider", "item", "billing_currency", "billed_cost", "former_cost", "former_month_cost", "change", "change_percent", "without_billed_cost"]
-- [meanings]
-- through = "day: The last day that is counted, in UTC."
-- former_cost = "money: billed_cost of as many days of the month before, or of all of them where it has fewer; null where nothing was told of them."
-- former_month_cost = "money: billed_cost of the whole month before; null where nothing was told of it."
WITH days AS (
    SELECT date_trunc('month', (%(to)s)::date - 1)::date AS month, (%(to)s)::date - 1 AS through,
           (date_trunc('month', (%(to)s)::date - 1) - interval '1 month')::date AS former
),
told AS (
    SELECT d.month, d.through, s.provider, s.item, s.billing_currency,
           sum(s.billed_cost) FILTER (WHERE s.day >= d.month) AS billed_cost,
           sum(s.billed_cost) FILTER (WHERE s.day < d.month AND s.day - d.former <= d.through - d.month) AS former_cost,
           sum(s.billed_cost) FILTER (WHERE s.day < d.month) AS former_month_cost,
           coalesce(sum(s.without_billed_cost) FILTER (WHERE s.day >= d.month), 0)::bigint AS without_billed_cost
      FROM {summaries|(date_trunc('month', (%(to)s)::date - 1) - interval '1 month')|%(to)s} AS s
     CROSS JOIN days AS d
     GROUP BY d.month, d.through, s.provider, s.item, s.billing_currency
)
SELECT month, through, provider, item, billing_currency, billed_cost, former_cost, former_month_cost,
       coalesce(billed_cost, 0) - coalesce(former_cost, 0) AS change,
       {percent_more|coalesce(billed_cost, 0)|former_cost} AS change_percent, without_billed_cost
  FROM told
 ORDER BY billed_cost DESC NULLS LAST, provider, item, billing_currency
