CREATE VIEW reporting.coverage AS
WITH hot AS (
    SELECT target_id,
           (window_start AT TIME ZONE 'UTC')::date AS day,
           -- A window that is being read again keeps what it has meanwhile.
           CASE
               WHEN state NOT IN ('planned', 'dispatched') THEN state
               WHEN records > 0 THEN 'complete'
               WHEN records = 0 THEN 'empty'
               ELSE 'waiting'
           END AS state,
           state IN ('planned', 'dispatched') AND records IS NOT NULL AS refreshing,
           records IS NOT NULL AND partial <> '' AS partial,
           refused,
           count(*) AS windows
      FROM finfleet.collections
     GROUP BY 1, 2, 3, 4, 5, 6
),
-- Of what is folded those that begin in each day of each range.
folded AS (
    SELECT f.target_id, (timestamp 'epoch' + make_interval(days => d.day))::date AS day, f.state,
           f.partial <> '' AS partial, f.refused,
           (least(r.until, (d.day + 1) * bigint '86400') - r.since + f.seconds - 1) / f.seconds
           - (greatest(r.since, d.day * bigint '86400') - r.since + f.seconds - 1) / f.seconds AS windows
      FROM finfleet.folded_windows AS f
     CROSS JOIN LATERAL unnest(f.ranges) AS part
     CROSS JOIN LATERAL (
               SELECT extract(epoch FROM lower(part))::bigint AS since, extract(epoch FROM upper(part))::bigint AS until
           ) AS r
     CROSS JOIN LATERAL generate_series((r.since / 86400)::int, ((r.until - 1) / 86400)::int) AS d(day)
),
windows AS (
    SELECT target_id, day, state, refreshing, partial, refused, windows FROM hot
     UNION ALL
    SELECT target_id, day, state, false, partial, refused, windows FROM folded WHERE windows > 0
),
days AS (
    SELECT target_id, day,
           sum(windows)::bigint AS planned,
           coalesce(sum(windows) FILTER (WHERE state = 'complete'), 0)::bigint AS complete,
           coalesce(sum(windows) FILTER (WHERE state = 'empty'), 0)::bigint AS empty,
           coalesce(sum(windows) FILTER (WHERE state = 'denied'), 0)::bigint AS denied,
           coalesce(sum(windows) FILTER (WHERE state = 'failed'), 0)::bigint AS failed,
           coalesce(sum(windows) FILTER (WHERE state = 'waiting'), 0)::bigint AS waiting,
           coalesce(sum(windows) FILTER (WHERE refreshing), 0)::bigint AS refreshing,
           coalesce(sum(windows) FILTER (WHERE partial), 0)::bigint AS partial,
           coalesce(sum(windows) FILTER (WHERE refused), 0)::bigint AS refused
      FROM windows
     GROUP BY target_id, day
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled,
       d.day, d.planned, d.complete, d.empty, d.denied, d.failed, d.waiting, d.refreshing,
       trunc(100.0 * (d.planned - d.waiting) / d.planned, 2) AS percent_settled,
       trunc(100.0 * (d.complete + d.empty) / d.planned, 2) AS percent_covered,
       d.partial, d.refused
  FROM days AS d
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON VIEW reporting.coverage IS
    'Per target and day: how many windows the ledger planned, and how they ended. A day without a row has no planned'
    ' window; see reporting.gaps for time that was owed and never planned. Time in which a target was not configured'
    ' is not owed and counts nowhere. Name a range of day.';
COMMENT ON COLUMN reporting.coverage.target IS :'target';
COMMENT ON COLUMN reporting.coverage.provider IS :'provider';
COMMENT ON COLUMN reporting.coverage.account IS :'configured_account';
COMMENT ON COLUMN reporting.coverage.region IS :'region';
COMMENT ON COLUMN reporting.coverage.service IS :'service';
COMMENT ON COLUMN reporting.coverage.enabled IS
    'Whether the target is configured now. Of one that is not, nothing new is collected.';
COMMENT ON COLUMN reporting.coverage.day IS 'Day in UTC on which the windows begin.';
COMMENT ON COLUMN reporting.coverage.planned IS
    'Windows in the ledger: the sum of complete, empty, denied, failed and waiting.';
COMMENT ON COLUMN reporting.coverage.complete IS 'Windows of which every record of one collection is stored.';
COMMENT ON COLUMN reporting.coverage.empty IS
    'Windows for which the provider answered that there is nothing. Not the same as missing.';
COMMENT ON COLUMN reporting.coverage.denied IS 'Windows that a missing permission kept from being collected.';
COMMENT ON COLUMN reporting.coverage.failed IS
    'Windows given up after the allowed number of failures. They are tried again when their target answers, and ever'
    ' more rarely for a week; finfleet backfill tries them at once. Of a target that is only measured as it happens'
    ' they stay.';
COMMENT ON COLUMN reporting.coverage.waiting IS 'Windows that are due, or being collected for the first time.';
COMMENT ON COLUMN reporting.coverage.refreshing IS
    'Of the complete and empty windows, those that are being read again.';
COMMENT ON COLUMN reporting.coverage.percent_settled IS
    'Share of planned windows that ended in any way, in percent, rounded down to two digits.';
COMMENT ON COLUMN reporting.coverage.percent_covered IS
    'Share of planned windows that are complete or empty, in percent, rounded down to two digits.';
COMMENT ON COLUMN reporting.coverage.partial IS
    'Of the complete and empty windows, those that lack something; the reasons are in reporting.gaps.';
COMMENT ON COLUMN reporting.coverage.refused IS
    'Of the partial ones, those that lack a part which was refused: they are read again once the permission is granted,'
    ' or the outage is over. What the others lack nobody can find out any more.';
