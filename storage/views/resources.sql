CREATE VIEW reporting.resources AS
SELECT provider, account, region, service, provider_id AS resource_id, type, name, tags, attributes, first_seen,
       last_seen, source
  FROM finfleet.resources;

COMMENT ON VIEW reporting.resources IS
    'Everything that was seen at a provider, as it was when last seen. What is gone stays: name a range of last_seen.';
COMMENT ON COLUMN reporting.resources.provider IS :'provider';
COMMENT ON COLUMN reporting.resources.account IS :'provider_account';
COMMENT ON COLUMN reporting.resources.region IS :'region';
COMMENT ON COLUMN reporting.resources.service IS :'service';
COMMENT ON COLUMN reporting.resources.resource_id IS
    'The provider''s own full id of the resource: an ARN, an Azure resource id, or the plain id.';
COMMENT ON COLUMN reporting.resources.type IS 'The kind in the provider''s words (m5.large); empty where it has none.';
COMMENT ON COLUMN reporting.resources.name IS 'The name that people gave it; empty where it has none.';
COMMENT ON COLUMN reporting.resources.tags IS
    'Tags or labels, an object of texts. tags->>''team'' reads one, null where it is not set.';
COMMENT ON COLUMN reporting.resources.attributes IS
    'What else the provider says of it (state, zone ...), an object; an attribute that is not known is left out.';
COMMENT ON COLUMN reporting.resources.first_seen IS
    'UTC. When a collection first saw it, which is not when it was made.';
COMMENT ON COLUMN reporting.resources.last_seen IS
    'UTC. When a collection last saw it. Much older than its neighbours'': it is gone.';
COMMENT ON COLUMN reporting.resources.source IS
    'The source that pushed it (generic.sources); empty for what finfleet collects. Two sources may push the same'
    ' id: each has a row of its own.';
