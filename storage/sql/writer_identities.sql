-- Resources and series, and their ids. Looked for before they are inserted: an insert that finds its row there already
-- would use up an id each time, and ids have four bytes.

-- name: find_resources
SELECT r.provider, r.account, r.region, r.service, r.provider_id, r.source, r.resource_id
  FROM unnest(%(provider)s::text[], %(account)s::text[], %(region)s::text[], %(service)s::text[],
              %(provider_id)s::text[], %(source)s::text[])
           AS n(provider, account, region, service, provider_id, source)
  JOIN finfleet.resources AS r USING (provider, account, region, service, provider_id, source)

-- name: insert_resources
INSERT INTO finfleet.resources
       (provider, account, region, service, provider_id, source, type, name, tags, attributes, fingerprint,
        first_seen, last_seen)
SELECT *
  FROM unnest(
           %(provider)s::text[], %(account)s::text[], %(region)s::text[], %(service)s::text[],
           %(provider_id)s::text[], %(source)s::text[], %(type)s::text[], %(name)s::text[], %(tags)s::jsonb[],
           %(attributes)s::jsonb[], %(fingerprint)b::bigint[], %(first_seen)b::timestamptz[],
           %(last_seen)b::timestamptz[]
       ) AS n(provider, account, region, service, provider_id, source)
 ORDER BY provider, account, region, service, provider_id, source
    ON CONFLICT DO NOTHING
RETURNING provider, account, region, service, provider_id, source, resource_id

-- name: lock_changed_resources
-- Those that a reading says something new of. A resource that is merely seen again is written once an hour.
SELECT r.resource_id
  FROM unnest(%(resource_id)b::int[], %(fingerprint)b::bigint[], %(first_seen)b::timestamptz[],
              %(last_seen)b::timestamptz[]) AS n(resource_id, fingerprint, first_seen, last_seen)
  JOIN finfleet.resources AS r USING (resource_id)
 WHERE n.first_seen < r.first_seen
    OR n.last_seen >= r.last_seen + interval '1 hour'
    OR (n.fingerprint <> r.fingerprint AND (n.last_seen, n.fingerprint) > (r.last_seen, r.fingerprint))
 ORDER BY r.resource_id
   FOR NO KEY UPDATE OF r

-- name: update_resources
-- Of two readings of one moment any will do, as long as it is always the same one.
UPDATE finfleet.resources AS r
   SET type = CASE WHEN latest.is THEN n.type ELSE r.type END,
       name = CASE WHEN latest.is THEN n.name ELSE r.name END,
       tags = CASE WHEN latest.is THEN n.tags ELSE r.tags END,
       attributes = CASE WHEN latest.is THEN n.attributes ELSE r.attributes END,
       fingerprint = CASE WHEN latest.is THEN n.fingerprint ELSE r.fingerprint END,
       first_seen = least(r.first_seen, n.first_seen),
       last_seen = greatest(r.last_seen, n.last_seen)
  FROM unnest(
           %(resource_id)b::int[], %(type)s::text[], %(name)s::text[], %(tags)s::jsonb[], %(attributes)s::jsonb[],
           %(fingerprint)b::bigint[], %(first_seen)b::timestamptz[], %(last_seen)b::timestamptz[]
       ) AS n(resource_id, type, name, tags, attributes, fingerprint, first_seen, last_seen)
  JOIN finfleet.resources AS former USING (resource_id)
 CROSS JOIN LATERAL (
           SELECT (n.last_seen, n.fingerprint) > (former.last_seen, former.fingerprint) AS is
       ) AS latest
 WHERE r.resource_id = n.resource_id

-- name: find_series
SELECT s.resource_id, s.metric, s.source_metric, s.unit, s.statistic, s.period, s.series_id
  FROM unnest(%(resource_id)b::int[], %(metric)s::text[], %(source_metric)s::text[], %(unit)s::text[],
              %(statistic)s::text[], %(period)b::int[])
           AS n(resource_id, metric, source_metric, unit, statistic, period)
  JOIN finfleet.series AS s USING (resource_id, metric, source_metric, unit, statistic, period)

-- name: insert_series
INSERT INTO finfleet.series (resource_id, metric, source_metric, unit, statistic, period)
SELECT *
  FROM unnest(%(resource_id)b::int[], %(metric)s::text[], %(source_metric)s::text[], %(unit)s::text[],
              %(statistic)s::text[], %(period)b::int[])
           AS n(resource_id, metric, source_metric, unit, statistic, period)
 ORDER BY resource_id, metric, source_metric, unit, statistic, period
    ON CONFLICT DO NOTHING
RETURNING resource_id, metric, source_metric, unit, statistic, period, series_id
