-- What `regions: all` of an account stands for.

-- name: enabled_regions
SELECT region, (attributes ->> 'enabled')::boolean, last_seen
  FROM finfleet.resources
 WHERE provider = %(provider)s
   AND service = %(service)s
   AND provider_id = concat_ws('/', %(account)s::text, region)
 ORDER BY region

-- name: collected_regions
SELECT region
  FROM finfleet.targets
 WHERE enabled
   AND (provider, account, service) = (%(provider)s, %(account)s, %(service)s)
 ORDER BY region
