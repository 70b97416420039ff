-- title = "What each availability zone costs"
-- answers = "Where does what is used run? Of bills that tell the zone."
-- span = "1 months"
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no zone"
-- columns = ["provider", "sub_account_id", "region_id", "availability_zone", "billing_currency", "billed_cost", "effective_cost", "without_billed_cost", "without_effective_cost"]
-- [meanings]
-- availability_zone = "text: FOCUS AvailabilityZone; empty where the bill does not tell."
SELECT provider, sub_account_id, region_id, availability_zone, billing_currency,
       sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       {without_billed} AS without_billed_cost, {without_effective} AS without_effective_cost
  FROM {lines|%(from)s|%(to)s}
 GROUP BY provider, sub_account_id, region_id, availability_zone, billing_currency
 ORDER BY sum(billed_cost) DESC NULLS LAST, provider, sub_account_id, region_id, availability_zone, billing_currency
