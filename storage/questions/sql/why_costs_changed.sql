-- title = "Why the bill changed: usage, rates, mix, what is new or gone, restatements"
-- answers = "By what does it differ from as many days before? The parts add up to the change to the last digit: docs/bill-history.md defines them."
-- span = "15 days"
-- by = ["service", "account", "region", "provider", "charge_category", "configured_account", "resource", "sku"]
-- order = "the greatest change first, whichever way"
-- slow = "compares every item of the bill on every day with itself"
-- columns = ["provider", "item", "billing_currency", "billed_cost", "former_cost", "change", "usage", "rate", "mix", "new", "gone", "usage_or_rate", "restatement", "without_billed_cost"]
-- [meanings]
-- former_cost = "money: billed_cost of as many days before the first one; nothing where none was told."
-- usage = "money: Of the change what comes of using more or less."
-- rate = "money: What comes of other prices."
-- mix = "money: What comes of using other kinds of the same."
-- new = "money: What was not there before."
-- gone = "money: What is not there any more, as a negative amount."
-- usage_or_rate = "money: What has no quantity that could tell which."
-- restatement = "money: What the provider changed afterwards; nothing, since both are taken as they are known now."
WITH told AS (
    SELECT c.*, CASE %(by)s::text
                    WHEN 'service' THEN c.service_name
                    WHEN 'account' THEN c.sub_account_id
                    WHEN 'region' THEN c.region_id
                    WHEN 'charge_category' THEN c.charge_category
                    WHEN 'configured_account' THEN c.account
                    WHEN 'resource' THEN c.resource_id
                    WHEN 'sku' THEN c.sku_id
                    ELSE ''
                END AS item
      FROM reporting.cost_changes(
               before => daterange({before}, %(from)s),
               after => daterange(%(from)s, %(to)s),
               per => ARRAY[CASE %(by)s::text
                                WHEN 'service' THEN 'service_name'
                                WHEN 'account' THEN 'sub_account_id'
                                WHEN 'region' THEN 'region_id'
                                WHEN 'configured_account' THEN 'account'
                                WHEN 'resource' THEN 'resource_id'
                                WHEN 'sku' THEN 'sku_id'
                                ELSE %(by)s::text
                            END]
           ) AS c
     WHERE (%(provider)s::text IS NULL OR c.provider = %(provider)s::text)
       AND (%(currency)s::text IS NULL OR c.billing_currency = %(currency)s::text)
)
SELECT provider, item, billing_currency, cost_after AS billed_cost, cost_before AS former_cost, difference AS change,
       usage, rate, mix, new, gone, usage_or_rate, restatement,
       (without_cost_before + without_cost_after)::bigint AS without_billed_cost
  FROM told
 ORDER BY abs(difference) DESC, provider, item, billing_currency
