-- Resources of sources that push ---------------------------------------------------------------------------------------

ALTER TABLE finfleet.resources ADD COLUMN source text DEFAULT '' NOT NULL;

-- Which source pushed a resource was not kept. Its account tells, unless the source has named another one.
UPDATE finfleet.resources AS r
   SET source = r.account
  FROM finfleet.targets AS t
 WHERE r.provider = 'generic'
   AND t.provider = 'generic'
   AND t.service = 'push'
   AND t.account = r.account
   -- What is collected from an account of that name is not pushed.
   AND NOT EXISTS (
           SELECT
             FROM finfleet.targets AS c
            WHERE c.provider = 'generic'
              AND c.account = r.account
              AND c.service = r.service
              AND c.service NOT IN ('push', 'push_costs')
       );

ALTER TABLE finfleet.resources DROP CONSTRAINT resources_identity_key;
ALTER TABLE finfleet.resources
    ADD CONSTRAINT resources_identity_key UNIQUE (provider, account, region, service, provider_id, source);

CREATE OR REPLACE VIEW reporting.resources AS
SELECT provider, account, region, service, provider_id AS resource_id, type, name, tags, attributes, first_seen,
       last_seen, source
  FROM finfleet.resources;
COMMENT ON COLUMN reporting.resources.source IS
    'The source that pushed it (generic.sources); empty for what finfleet collects. Two sources may push the same id: each has a row of its own.';

CREATE OR REPLACE VIEW reporting.resource_metrics AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       s.metric, s.source_metric, s.unit, s.statistic,
       p.start, make_interval(secs => s.period) AS period, p.value, r.source
  FROM finfleet.points AS p
  JOIN finfleet.series AS s USING (series_id)
  JOIN finfleet.resources AS r USING (resource_id);
COMMENT ON COLUMN reporting.resource_metrics.source IS
    'The source that pushed the value (generic.sources); empty for what finfleet collects.';

-- Messages that were tried alone ---------------------------------------------------------------------------------------

CREATE TABLE finfleet.suspects (
    body_sha256 bytea NOT NULL,
    tries integer NOT NULL,
    tried_at timestamp with time zone NOT NULL,
    CONSTRAINT suspects_pkey PRIMARY KEY (body_sha256)
);
