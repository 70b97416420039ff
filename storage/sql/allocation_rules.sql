-- Rules of allocation: which were in force when, and which months are to be allocated anew.

-- name: save
INSERT INTO finfleet.allocation_rules (rules_hash, document, loaded_at, loaded_by)
VALUES (%(hash)s, %(document)s, %(now)s, %(by)s)
    ON CONFLICT DO NOTHING

-- name: end_versions
-- What the file does not say any more, or says of other rules.
UPDATE finfleet.allocation_versions AS v
   SET until = greatest(v.since, %(now)s)
 WHERE v.until IS NULL
   AND NOT EXISTS (
           SELECT
             FROM unnest(%(months)s::date[], %(hashes)s::text[]) AS n(month, hash)
            WHERE n.month = v.effective_from AND n.hash = v.rules_hash
       )

-- name: add_versions
INSERT INTO finfleet.allocation_versions (effective_from, since, rules_hash)
SELECT n.month, greatest(%(now)s, (SELECT max(v.until) + interval '1 microsecond'
                                     FROM finfleet.allocation_versions AS v
                                    WHERE v.effective_from = n.month)), n.hash
  FROM unnest(%(months)s::date[], %(hashes)s::text[]) AS n(month, hash)
 WHERE NOT EXISTS (
           SELECT FROM finfleet.allocation_versions AS v WHERE v.effective_from = n.month AND v.until IS NULL
       )

-- name: document
SELECT document::text FROM finfleet.allocation_rules WHERE rules_hash = %(hash)s

-- name: in_force
SELECT rules_hash
  FROM finfleet.allocation_versions
 WHERE until IS NULL AND effective_from <= %(month)s
 ORDER BY effective_from DESC
 LIMIT 1

-- name: months
-- Months that have a bill and rules, with the rules of their last run and those of now, and what was the bill for each.
-- The newest first.
SELECT m.month, r.rules_hash AS before, v.rules_hash AS now, r.bills AS bills_before, {allocation_parts.bills} AS bills,
       -- Metrics come late.
       coalesce(r.allocated_at < %(measured)s AND d.document @? '$.shared[*].metric', false) AS is_old
  FROM (
        SELECT DISTINCT date_trunc('month', s.day)::date AS month
          FROM (SELECT DISTINCT day FROM finfleet.cost_scopes) AS s
         UNION
        SELECT month FROM finfleet.allocation_runs
       ) AS m
  LEFT JOIN LATERAL (
            SELECT r.rules_hash, r.bills, r.allocated_at
              FROM finfleet.allocation_runs AS r
             WHERE r.month = m.month
             ORDER BY r.number DESC
             LIMIT 1
       ) AS r ON true
  LEFT JOIN LATERAL (
            SELECT v.rules_hash
              FROM finfleet.allocation_versions AS v
             WHERE v.until IS NULL AND v.effective_from <= m.month
             ORDER BY v.effective_from DESC
             LIMIT 1
       ) AS v ON true
  LEFT JOIN finfleet.allocation_rules AS d ON d.rules_hash = r.rules_hash
 WHERE coalesce(r.rules_hash, v.rules_hash) IS NOT NULL
   AND (%(month)s::date IS NULL OR m.month = %(month)s)
 ORDER BY m.month DESC

-- name: windows
-- Of the bills of a month: how many windows there are, and how many of them nothing was read of.
SELECT coalesce(sum(c.planned), 0)::int, coalesce(sum(c.planned - c.complete - c.empty), 0)::int
  FROM reporting.coverage AS c
 WHERE c.day >= %(month)s
   AND c.day < (%(month)s::date + interval '1 month')::date
   AND (c.provider, c.account, c.region, c.service) IN (
           SELECT t.provider, t.account, t.region, t.service
             FROM finfleet.targets AS t
            WHERE t.delivered OR EXISTS (SELECT FROM finfleet.bills AS b WHERE b.target_id = t.target_id)
       )
