-- Resources, spread over everything but the bills; each twentieth has not been seen for ten days.

WITH places AS (
    SELECT provider, account, region, service, row_number() OVER (ORDER BY target_id) - 1 AS place,
           count(*) OVER () AS places
      FROM finfleet.targets
     WHERE service NOT IN ('cost', 'billing')
)
INSERT INTO finfleet.resources
       (provider, account, region, service, provider_id, type, name, tags, attributes, fingerprint, first_seen,
        last_seen, described_at)
SELECT p.provider, own.account, own.region, p.service,
       concat_ws('/', p.provider, own.account, own.region, p.service, 'resource', to_char(n, 'FM000000')),
       (ARRAY['large', 'xlarge', '2xlarge', 'small'])[1 + n %% 4],
       'name-' || n,
       jsonb_build_object('team', 'team-' || n %% 7, 'environment', 'production', 'cost-center', (n %% 11)::text),
       jsonb_build_object('state', 'running', 'vcpus', 2 ^ (n %% 4), 'memory_gib', 8, 'spot', false),
       n, %(since)s,
       CASE WHEN n %% 20 = 0 THEN greatest(%(since)s, %(now)s - interval '10 days') ELSE %(now)s END,
       %(since)s
  FROM generate_series(0, %(resources)s::int - 1) AS n
  JOIN places AS p ON p.place = n %% p.places
 CROSS JOIN LATERAL (
           SELECT 'id-of-' || p.account AS account,
                  CASE p.region WHEN 'global' THEN 'region-' || n %% 5 ELSE p.region END AS region
       ) AS own
 ORDER BY n
