-- What lies where, by what Postgres itself knows of it: nothing is counted that would take long.

-- name: tables
-- Partitions are added to their table. Rows are what the last ANALYZE or the statistics say; null where neither does.
SELECT coalesce(p.relname, c.relname) AS name,
       sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE s.n_live_tup END)::bigint AS rows,
       sum(pg_relation_size(c.oid))::bigint AS heap,
       sum(pg_indexes_size(c.oid))::bigint AS indexes,
       sum(pg_total_relation_size(c.oid) - pg_relation_size(c.oid) - pg_indexes_size(c.oid))::bigint AS toast
  FROM pg_class AS c
  LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
  LEFT JOIN pg_class AS p ON p.oid = i.inhparent
  LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
 WHERE c.relnamespace = 'finfleet'::regnamespace
   AND c.relkind IN ('r', 'm')
 GROUP BY 1

-- name: of_partitions
SELECT avg(pg_total_relation_size(format('finfleet.%%I', n.name)::regclass))::float8
  FROM unnest(%(names)s::text[]) AS n(name)
 WHERE to_regclass(format('finfleet.%%I', n.name)) IS NOT NULL

-- name: sealed_a_day
-- Of the last week that is sealed: series and points a day. Of today only some hours are.
SELECT count(*)::float8 / nullif(count(DISTINCT day), 0), sum(count)::float8 / nullif(count(DISTINCT day), 0)
  FROM finfleet.points_daily
 WHERE day >= (SELECT max(day) FROM finfleet.points_daily WHERE day < %(today)s) - 6
   AND day < %(today)s

-- name: windows_a_day
SELECT sum(86400::float8 / interval_seconds) FROM finfleet.targets WHERE enabled

-- name: lines_a_day
-- Lines of bills that were read in the last week, again or for the first time. Null where none was.
SELECT sum(r.records_committed)::float8 / 7
  FROM (SELECT DISTINCT target_id FROM finfleet.cost_scopes) AS t
  JOIN finfleet.runs AS r USING (target_id)
 WHERE r.reported_at > %(now)s - interval '7 days'

-- name: resources_a_day
-- Of the last week; null where nothing is older, since the first reading of an account is no rate.
SELECT CASE WHEN min(first_seen) < %(now)s - interval '7 days' THEN
           (count(*) FILTER (WHERE first_seen > %(now)s - interval '7 days'))::float8 / 7
       END
  FROM finfleet.resources

-- name: windows_folded
SELECT nullif(sum(windows), 0)::float8 FROM finfleet.folded_windows

-- name: days_of_rates
-- That are folded; null of less than a day.
SELECT CASE WHEN max(until) - min(start) >= interval '1 day' THEN
           extract(epoch FROM max(until) - min(start))::float8 / 86400
       END
  FROM finfleet.rate_intervals
