-- Three clouds, their accounts, and what is collected of each: enabled for the whole year, and planned up to now.
-- One more account of AWS pays for the first, and tells of the same charges; of one a permission is missing.

WITH clouds(provider, service, regions, seconds, delay) AS (
    VALUES
        ('aws', 'ec2', ARRAY['us-east-1', 'eu-west-1'], 300, 600),
        ('aws', 'rds', ARRAY['us-east-1', 'eu-west-1'], 300, 600),
        ('aws', 'lambda', ARRAY['us-east-1', 'eu-west-1'], 300, 600),
        ('aws', 'eks', ARRAY['us-east-1', 'eu-west-1'], 300, 600),
        ('aws', 's3', ARRAY['global'], 86400, 86400),
        ('aws', 'cost', ARRAY['global'], 86400, 86400),
        ('azure', 'virtual_machines', ARRAY['global'], 300, 600),
        ('azure', 'functions', ARRAY['global'], 300, 600),
        ('azure', 'aks', ARRAY['global'], 300, 600),
        ('azure', 'storage', ARRAY['global'], 3600, 3600),
        ('azure', 'cost', ARRAY['global'], 86400, 86400),
        ('gcp', 'compute', ARRAY['global'], 300, 600),
        ('gcp', 'cloud_functions', ARRAY['global'], 300, 600),
        ('gcp', 'gke', ARRAY['global'], 300, 600),
        ('gcp', 'storage', ARRAY['global'], 86400, 86400),
        ('gcp', 'billing', ARRAY['global'], 86400, 86400)
),
accounts AS (
    SELECT format('account-%%s', to_char(n, 'FM00')) AS account,
           (ARRAY['aws', 'azure', 'gcp', 'aws', 'azure', 'gcp', 'aws', 'azure', 'gcp', 'aws'])[1 + n %% 10] AS provider
      FROM generate_series(0, %(accounts)s::int - 1) AS n
),
wanted AS (
    SELECT provider, account, region, service, seconds, delay
      FROM accounts
      JOIN clouds USING (provider)
     CROSS JOIN LATERAL unnest(regions) AS region
     UNION ALL
    VALUES ('aws', 'payer', 'global', 'cost', 86400, 86400)
)
INSERT INTO finfleet.targets
       (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since, planned_until,
        denied_until, denied_error, denied_permission)
SELECT w.provider, w.account, w.region, w.service, 'collect.' || w.provider, w.seconds, w.delay,
       date_bin(make_interval(secs => w.seconds), %(since)s, timestamptz 'epoch'),
       date_bin(
           make_interval(secs => w.seconds), %(now)s - make_interval(secs => w.delay), timestamptz 'epoch'
       ),
       CASE WHEN lacks THEN %(now)s + interval '1 hour' END,
       CASE WHEN lacks THEN 'AccessDenied' ELSE '' END,
       CASE WHEN lacks THEN 'lambda:ListFunctions' ELSE '' END
  FROM wanted AS w
 CROSS JOIN LATERAL (
           SELECT (w.account, w.region, w.service) = ('account-03', 'eu-west-1', 'lambda') AS lacks
       ) AS denied
 ORDER BY w.provider, w.account, w.region, w.service
