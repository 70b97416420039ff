-- What `regions: all` of an account stands for.

-- name: enabled_regions
-- Of all accounts at once. An id is the account's configured name, a slash, and the region.
SELECT left(provider_id, -1 - length(region)) AS account,
       coalesce(array_agg(region ORDER BY region) FILTER (WHERE (attributes ->> 'enabled')::boolean), '{}') AS names,
       max(last_seen) AS told_at
  FROM finfleet.resources
 WHERE provider = %(provider)s
   AND service = %(service)s
   AND length(provider_id) > 1 + length(region)
   AND right(provider_id, 1 + length(region)) = '/' || region
 GROUP BY 1

-- name: collected_regions
SELECT region
  FROM finfleet.targets
 WHERE enabled
   AND (provider, account, service) = (%(provider)s, %(account)s, %(service)s)
 ORDER BY region
