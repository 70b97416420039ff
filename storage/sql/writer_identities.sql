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
        first_seen, last_seen, described_at)
SELECT *
  FROM unnest(
           %(provider)s::text[], %(account)s::text[], %(region)s::text[], %(service)s::text[],
           %(provider_id)s::text[], %(source)s::text[], %(type)s::text[], %(name)s::text[], %(tags)s::jsonb[],
           %(attributes)s::jsonb[], %(fingerprint)b::bigint[], %(first_seen)b::timestamptz[],
           %(last_seen)b::timestamptz[], %(described_at)b::timestamptz[]
       ) AS n(provider, account, region, service, provider_id, source)
 ORDER BY provider, account, region, service, provider_id, source
    ON CONFLICT DO NOTHING
RETURNING provider, account, region, service, provider_id, source, resource_id

-- name: find_changed_resources
-- Those that a whole reading says something new of: as lock_changed_resources, where a fingerprint tells, of numbers
-- only. It locks nothing, so a transaction that changes nothing waits for nobody; what it finds is looked at once more.
SELECT r.resource_id
  FROM unnest(
           %(resource_id)b::int[], %(fingerprint)b::bigint[], %(first_seen)b::timestamptz[],
           %(last_seen)b::timestamptz[], %(described_at)b::timestamptz[]
       ) AS n(resource_id, fingerprint, first_seen, last_seen, described_at)
  JOIN finfleet.resources AS r USING (resource_id)
 WHERE n.first_seen < r.first_seen
    OR n.last_seen >= r.last_seen + interval '1 hour'
    OR (n.fingerprint <> r.fingerprint
        AND (n.described_at, n.fingerprint) > (coalesce(r.described_at, r.last_seen), r.fingerprint))

-- name: lock_changed_resources
-- Those that a reading says something new of. A resource that is merely seen again is written once an hour. Of a reading
-- of a part its words are given, of a whole one none: its fingerprint tells. Rows of before have no described_at.
SELECT r.resource_id
  FROM unnest(
           %(resource_id)b::int[], %(type)s::text[], %(name)s::text[], %(tags)s::jsonb[], %(attributes)s::jsonb[],
           %(fingerprint)b::bigint[], %(first_seen)b::timestamptz[], %(last_seen)b::timestamptz[],
           %(described_at)b::timestamptz[]
       ) AS n(resource_id, type, name, tags, attributes, fingerprint, first_seen, last_seen, described_at)
  JOIN finfleet.resources AS r USING (resource_id)
 WHERE n.first_seen < r.first_seen
    OR n.last_seen >= r.last_seen + interval '1 hour'
    OR (n.fingerprint <> r.fingerprint
        AND n.described_at > timestamptz 'epoch'
        AND (n.described_at, n.fingerprint) > (coalesce(r.described_at, r.last_seen), r.fingerprint))
    OR (n.last_seen >= coalesce(r.described_at, r.last_seen)
        AND (n.type NOT IN ('', r.type) OR n.name NOT IN ('', r.name)
             OR NOT r.tags @> n.tags OR NOT r.attributes @> n.attributes))
 ORDER BY r.resource_id
   FOR NO KEY UPDATE OF r

-- name: update_resources
-- Of two readings of one moment any will do, as long as it is always the same one. A whole reading takes the place of an
-- older one; a part lies over what is older than it, and what is newer lies over a part.
UPDATE finfleet.resources AS r
   SET type = CASE n_is.laid
                  WHEN 'anew' THEN n.type
                  WHEN 'over' THEN coalesce(nullif(n.type, ''), r.type)
                  WHEN 'under' THEN coalesce(nullif(r.type, ''), n.type)
                  ELSE r.type
              END,
       name = CASE n_is.laid
                  WHEN 'anew' THEN n.name
                  WHEN 'over' THEN coalesce(nullif(n.name, ''), r.name)
                  WHEN 'under' THEN coalesce(nullif(r.name, ''), n.name)
                  ELSE r.name
              END,
       tags = CASE n_is.laid
                  WHEN 'anew' THEN n.tags
                  WHEN 'over' THEN r.tags || n.tags
                  WHEN 'under' THEN n.tags || r.tags
                  ELSE r.tags
              END,
       attributes = CASE n_is.laid
                        WHEN 'anew' THEN n.attributes
                        WHEN 'over' THEN r.attributes || n.attributes
                        WHEN 'under' THEN n.attributes || r.attributes
                        ELSE r.attributes
                    END,
       fingerprint = CASE WHEN n_is.whole AND n_is.laid <> 'aside' THEN n.fingerprint ELSE r.fingerprint END,
       described_at = CASE WHEN n_is.whole AND n_is.laid <> 'aside' THEN n.described_at ELSE r.described_at END,
       first_seen = least(r.first_seen, n.first_seen),
       last_seen = greatest(r.last_seen, n.last_seen)
  FROM unnest(
           %(resource_id)b::int[], %(type)s::text[], %(name)s::text[], %(tags)s::jsonb[], %(attributes)s::jsonb[],
           %(fingerprint)b::bigint[], %(first_seen)b::timestamptz[], %(last_seen)b::timestamptz[],
           %(described_at)b::timestamptz[]
       ) AS n(resource_id, type, name, tags, attributes, fingerprint, first_seen, last_seen, described_at)
  JOIN finfleet.resources AS former USING (resource_id)
 CROSS JOIN LATERAL (
           SELECT coalesce(former.described_at, former.last_seen) AS at,
                  coalesce(former.described_at, former.last_seen) > timestamptz 'epoch' AS whole
       ) AS known
 CROSS JOIN LATERAL (
           SELECT n.described_at > timestamptz 'epoch' AS whole,
                  CASE
                      WHEN n.described_at > timestamptz 'epoch' THEN
                          CASE
                              WHEN (n.described_at, n.fingerprint) <= (known.at, former.fingerprint) AND known.whole
                                  THEN 'aside'
                              WHEN NOT known.whole AND n.last_seen < former.last_seen THEN 'under'
                              ELSE 'anew'
                          END
                      WHEN n.last_seen >= CASE WHEN known.whole THEN known.at ELSE former.last_seen END THEN 'over'
                      WHEN known.whole THEN 'aside'
                      ELSE 'under'
                  END AS laid
       ) AS n_is
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
