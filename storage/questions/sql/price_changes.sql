-- title = "Resources whose hourly price, type or state changed"
-- answers = "What was resized, stopped, started or repriced, and by how much? By list prices."
-- span = "30 days"
-- reads = []
-- order = "the latest first"
-- columns = ["changed_at", "provider", "account", "region", "service", "resource_id", "former_type", "new_type", "former_amount", "new_amount", "new_currency", "former_basis", "new_basis"]
-- [meanings]
-- changed_at = "time: UTC. From when the new one is known to hold."
-- account = "text: The provider's own id of the account, subscription or project."
-- former_type = "text: The kind that it was of before."
-- new_type = "text: The kind that it is of since."
-- former_amount = "money: Per hour, before."
-- new_amount = "money: Per hour, since, in new_currency."
-- new_currency = "ISO 4217: USD, EUR ..."
-- former_basis = "text: Where the amount came from: on_demand_list, spot, stopped ..."
-- new_basis = "text: Where it comes from since."
SELECT changed_at, provider, account, region, service, resource_id, former_type, new_type, former_amount, new_amount,
       new_currency, former_basis, new_basis
  FROM reporting.price_changes
 WHERE changed_at >= (%(from)s)::date::timestamp AT TIME ZONE 'UTC'
   AND changed_at < (%(to)s)::date::timestamp AT TIME ZONE 'UTC'
   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR account = %(account)s::text)
 ORDER BY changed_at DESC, provider, account, region, service, resource_id
