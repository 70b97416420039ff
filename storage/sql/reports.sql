-- What finfleet status tells.

-- name: coverage
-- Windows that began since then, by their state; one that is being read again keeps the state that it had.
WITH windows AS (
    SELECT target_id,
           CASE
               WHEN state NOT IN ('planned', 'dispatched') THEN state
               WHEN records > 0 THEN 'complete'
               WHEN records = 0 THEN 'empty'
               ELSE 'waiting'
           END AS state,
           count(*) AS windows
      FROM finfleet.collections
     WHERE %(since)s::timestamptz IS NULL OR window_start >= %(since)s
     GROUP BY 1, 2
     UNION ALL
    SELECT target_id, state, windows FROM ({folded.since}) AS f
),
counts AS (
    SELECT target_id,
           sum(windows)::bigint AS planned,
           sum(windows) FILTER (WHERE state = 'complete')::bigint AS complete,
           sum(windows) FILTER (WHERE state = 'empty')::bigint AS empty,
           sum(windows) FILTER (WHERE state = 'denied')::bigint AS denied,
           sum(windows) FILTER (WHERE state = 'failed')::bigint AS failed,
           sum(windows) FILTER (WHERE state = 'waiting')::bigint AS waiting
      FROM windows
     GROUP BY target_id
)
SELECT t.provider, t.account, t.region, t.service, t.enabled, t.live,
       coalesce(c.planned, 0) AS planned, coalesce(c.complete, 0) AS complete, coalesce(c.empty, 0) AS empty,
       coalesce(c.denied, 0) AS denied, coalesce(c.failed, 0) AS failed, coalesce(c.waiting, 0) AS waiting,
       -- A month that is delivered day by day is not over.
       CASE WHEN {folded.delivered} THEN least(newest.window_end, %(now)s) ELSE newest.window_end END AS covered_until,
       CASE WHEN t.enabled AND NOT {folded.delivered} THEN greatest(
           interval '0',
           date_bin(
               make_interval(secs => t.interval_seconds), %(now)s - make_interval(secs => t.delay_seconds),
               timestamptz 'epoch'
           ) - coalesce(newest.window_end, t.enabled_since)
       ) END AS lag,
       t.denied_until,
       t.denied_permission AS permission
  FROM finfleet.targets AS t
  LEFT JOIN counts AS c USING (target_id)
  LEFT JOIN LATERAL (
           SELECT done.window_end
             FROM finfleet.collections AS done
            WHERE done.target_id = t.target_id
              AND done.records IS NOT NULL
            ORDER BY done.window_start DESC
            LIMIT 1
       ) AS newest ON true
 ORDER BY t.provider, t.account, t.region, t.service

-- name: troubles
-- The same trouble of the same target is told once, with its newest window. What is tried again has a state of open.
-- However often its windows were lost, that is one trouble.
SELECT t.provider, t.account, t.region, t.service,
       CASE WHEN c.state IN ('denied', 'failed') THEN c.state ELSE 'open' END AS state,
       CASE max(c.lost)
           WHEN 0 THEN c.error
           WHEN 1 THEN concat('lost once: ', c.error)
           ELSE format('lost %%s times: %%s', max(c.lost), c.error)
       END AS error,
       c.permission,
       sum(c.windows)::bigint AS windows, min(c.since) AS since, max(c.until) AS until
  FROM (
           SELECT target_id, state, error, permission, lost, 1 AS windows, window_start AS since, window_end AS until
             FROM finfleet.collections
            WHERE error <> ''
              AND (%(since)s::timestamptz IS NULL OR window_start >= %(since)s)
            UNION ALL
           SELECT target_id, state, error, permission, 0, windows, since, until
             FROM ({folded.since}) AS f
            WHERE error <> ''
       ) AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 GROUP BY 1, 2, 3, 4, 5, c.error, c.permission, c.lost > 0
 ORDER BY until DESC, windows DESC
 LIMIT %(limit)s

-- name: partial
-- Windows that lack something and are complete or empty otherwise: a row a target for those that are read again, and
-- one for those that are not, with the reasons of the newest.
SELECT t.provider, t.account, t.region, t.service,
       sum(c.windows)::bigint AS windows, min(c.since) AS since, max(c.until) AS until,
       (array_agg(c.partial ORDER BY c.until DESC))[1] AS reasons,
       CASE WHEN c.refused THEN (array_agg(c.permission ORDER BY c.until DESC))[1] ELSE '' END AS permission,
       c.refused AND NOT t.live AS again
  FROM (
           SELECT target_id, partial, permission, refused, 1 AS windows, window_start AS since, window_end AS until
             FROM finfleet.collections
            WHERE partial <> '' AND records IS NOT NULL
              AND (%(since)s::timestamptz IS NULL OR window_start >= %(since)s)
            UNION ALL
           SELECT target_id, partial, permission, refused, windows, since, until
             FROM ({folded.since}) AS f
            WHERE partial <> ''
       ) AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 GROUP BY t.target_id, c.refused
 ORDER BY until DESC, windows DESC
 LIMIT %(limit)s

-- name: activity
-- Of every provider with an enabled target, over the last so many seconds.
WITH reported AS (
    SELECT target_id, count(*) AS runs, count(*) FILTER (WHERE outcome NOT IN ('complete', 'empty')) AS troubled,
           sum(calls) AS calls, sum(throttles) AS throttles
      FROM finfleet.runs
     WHERE reported_at > %(since)s
     GROUP BY target_id
),
committed AS (
    SELECT r.target_id, sum(b.records) AS records
      FROM finfleet.batches AS b
      JOIN finfleet.runs AS r USING (run_id)
     WHERE b.committed_at > %(since)s
     GROUP BY r.target_id
)
SELECT t.provider,
       coalesce(sum(reported.runs), 0)::bigint AS runs,
       coalesce(sum(reported.troubled), 0)::bigint AS troubled,
       coalesce(sum(reported.calls), 0)::bigint AS calls,
       coalesce(sum(reported.throttles), 0)::bigint AS throttles,
       coalesce(sum(committed.records), 0)::bigint AS records
  FROM finfleet.targets AS t
  LEFT JOIN reported USING (target_id)
  LEFT JOIN committed USING (target_id)
 GROUP BY t.provider
HAVING bool_or(t.enabled)
 ORDER BY t.provider

-- name: resources_by_target
-- A resource bears the provider's id of its account, a target the name that the configuration gives the account: they
-- can be told apart only where one account is collected there.
WITH places AS (
    SELECT provider, region, service, min(account) AS account
      FROM finfleet.targets
     WHERE enabled
     GROUP BY provider, region, service
    HAVING count(*) = 1
),
newest AS (
    SELECT provider, service, max(last_seen) AS last_seen
      FROM finfleet.resources
     GROUP BY provider, service
)
SELECT concat_ws('/', p.provider, p.account, p.region, p.service) AS target, count(*)
  FROM places AS p
  JOIN newest AS n ON n.provider = p.provider AND n.service = p.service
  JOIN finfleet.resources AS r
    ON r.provider = p.provider AND r.service = p.service AND (r.region = p.region OR p.region = 'global')
 WHERE r.last_seen > n.last_seen - interval '24 hours'
 GROUP BY 1
