-- name: next_day
-- The first day, from this one on, on which a charge begins; by the index of charge_period_start.
SELECT date_trunc('day', min(charge_period_start), 'UTC')
  FROM finfleet.cost_lines
 WHERE charge_period_start >= coalesce(%(since)s::timestamptz, '-infinity')
   AND charge_period_start < coalesce(%(until)s::timestamptz, 'infinity')

-- name: columns
SELECT a.attname, format_type(a.atttypid, NULL)
  FROM pg_attribute AS a
 WHERE a.attrelid = %(view)s::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- name: recency
-- Of each day whether all targets are complete, and some of those that are not.
SELECT r."TimeSectorStart", bool_and(r."TimeSectorComplete"), max(r."TimeSectorLastUpdated"), max(r."x_Versions"),
       count(*) FILTER (WHERE NOT r."TimeSectorComplete"),
       (array_agg(r."x_Target" || ': ' || r."x_Reason" ORDER BY r."x_Target" COLLATE "C")
           FILTER (WHERE NOT r."TimeSectorComplete"))[1:%(most)s::int]
  FROM reporting.focus_1_4_recency AS r
 WHERE r."TimeSectorStart" >= coalesce(date_trunc('day', %(since)s::timestamptz, 'UTC'), '-infinity')
   AND r."TimeSectorStart" < coalesce(%(until)s::timestamptz, 'infinity')
   AND r."x_Provider" = coalesce(%(provider)s::text, r."x_Provider")
   AND r."x_Account" = coalesce(%(account)s::text, r."x_Account")
 GROUP BY r."TimeSectorStart"
 ORDER BY r."TimeSectorStart"

-- name: silent
-- Targets of services that bring bills, of which nothing was ever told: no day of them is known to be missing.
SELECT concat_ws('/', t.provider, t.account, t.region, t.service)
  FROM finfleet.targets AS t
  JOIN unnest(%(providers)s::text[], %(services)s::text[]) AS s(provider, service) USING (provider, service)
 WHERE t.enabled
   AND NOT t.delivered
   AND t.provider = coalesce(%(provider)s::text, t.provider)
   AND t.account = coalesce(%(account)s::text, t.account)
   AND NOT EXISTS (
           SELECT
             FROM finfleet.targets AS o
             JOIN finfleet.cost_scopes AS c USING (target_id)
            WHERE o.provider = t.provider AND o.service = t.service
       )
 ORDER BY 1
