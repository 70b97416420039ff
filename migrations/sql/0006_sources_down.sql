DROP TABLE finfleet.suspects;

DROP VIEW reporting.resource_metrics;
DROP VIEW reporting.resources;

-- What two sources have pushed under one id would be one resource now: they keep apart by the account.
UPDATE finfleet.resources AS r
   SET account = concat_ws(':', r.source, r.account)
 WHERE r.source <> ''
   AND EXISTS (
           SELECT
             FROM finfleet.resources AS other
            WHERE (other.provider, other.account, other.region, other.service, other.provider_id)
                  = (r.provider, r.account, r.region, r.service, r.provider_id)
              AND other.source <> r.source
       );
ALTER TABLE finfleet.resources DROP CONSTRAINT resources_identity_key;
ALTER TABLE finfleet.resources
    ADD CONSTRAINT resources_identity_key UNIQUE (provider, account, region, service, provider_id);
ALTER TABLE finfleet.resources DROP COLUMN source;

-- Resources ---------------------------------------------------------------------------------------------------------

CREATE VIEW reporting.resources AS
SELECT provider, account, region, service, provider_id AS resource_id, type, name, tags, attributes, first_seen, last_seen
  FROM finfleet.resources;

COMMENT ON VIEW reporting.resources IS 'Everything that was seen at a provider, as it was when last seen.';
COMMENT ON COLUMN reporting.resources.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.resources.account IS 'The provider''s own id of the account, subscription or project.';
COMMENT ON COLUMN reporting.resources.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.resources.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.resources.resource_id IS 'The provider''s own full id of the resource: an ARN, an Azure resource id, or the plain id.';
COMMENT ON COLUMN reporting.resources.type IS 'The kind in the provider''s words (m5.large); empty where it has none.';
COMMENT ON COLUMN reporting.resources.name IS 'The name that people gave it; empty where it has none.';
COMMENT ON COLUMN reporting.resources.tags IS 'Tags or labels, an object of texts. tags->>''team'' reads one, null where it is not set.';
COMMENT ON COLUMN reporting.resources.attributes IS 'What else the provider says of it (state, zone ...), an object; an attribute that is not known is left out.';
COMMENT ON COLUMN reporting.resources.first_seen IS 'UTC. When a collection first saw it, which is not when it was made.';
COMMENT ON COLUMN reporting.resources.last_seen IS 'UTC. When a collection last saw it. Much older than its neighbours'': it is gone.';

-- Metrics -----------------------------------------------------------------------------------------------------------

CREATE VIEW reporting.resource_metrics AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       s.metric, s.source_metric, s.unit, s.statistic,
       p.start, make_interval(secs => s.period) AS period, p.value
  FROM finfleet.points AS p
  JOIN finfleet.series AS s USING (series_id)
  JOIN finfleet.resources AS r USING (resource_id);

COMMENT ON VIEW reporting.resource_metrics IS
    'Measured values, a row for each resource, metric, statistic and start. A value that is missing has no row: that is not zero. Name a range of start: it leads to the days that are read.';
COMMENT ON COLUMN reporting.resource_metrics.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.resource_metrics.account IS 'The provider''s own id of the account, subscription or project.';
COMMENT ON COLUMN reporting.resource_metrics.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.resource_metrics.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.resource_metrics.resource_id IS 'The provider''s own full id of the resource, as in reporting.resources.';
COMMENT ON COLUMN reporting.resource_metrics.name IS 'The name of the resource as last seen; empty where it has none.';
COMMENT ON COLUMN reporting.resource_metrics.metric IS 'The metric by its common name: cpu_utilization, memory_utilization, network_in ...';
COMMENT ON COLUMN reporting.resource_metrics.source_metric IS 'The provider''s own name of it: CPUUtilization ...';
COMMENT ON COLUMN reporting.resource_metrics.unit IS 'Unit of the value: percent (0 to 100), bytes, count ...';
COMMENT ON COLUMN reporting.resource_metrics.statistic IS 'What the value is over its period: average, sum, minimum, maximum, sample_count, p95 ...; gauge: a reading of one moment.';
COMMENT ON COLUMN reporting.resource_metrics.start IS 'UTC. The value speaks of the time from start, included, to start + period, excluded.';
COMMENT ON COLUMN reporting.resource_metrics.period IS 'Length of the time that the value speaks of.';
COMMENT ON COLUMN reporting.resource_metrics.value IS 'The value, in unit. Never null.';

DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        GRANT SELECT ON reporting.resources, reporting.resource_metrics TO finfleet_reader;
    END IF;
END
$$;
