CREATE VIEW reporting.coverage AS
WITH hot AS MATERIALIZED (
    SELECT target_id, date_bin(interval '1 day', window_start, timestamptz '1970-01-01 00:00:00+00') AS day, state,
           records > 0 AS has_records, records IS NULL AS is_missing, partial <> '' AS partial, refused,
           count(*)::int AS windows
      FROM finfleet.collections
     GROUP BY 1, 2, 3, 4, 5, 6, 7
),
folded AS MATERIALIZED (
    SELECT f.target_id, f.state, f.partial <> '' AS partial, f.refused, f.seconds,
           extract(epoch FROM lower(part))::bigint AS since, extract(epoch FROM upper(part))::bigint AS until
      FROM finfleet.folded_windows AS f
     CROSS JOIN LATERAL unnest(f.ranges) AS part
),
windows AS (
    SELECT target_id, (day AT TIME ZONE 'UTC')::date AS day,
           -- A window that is being read again keeps what it has meanwhile.
           CASE
               WHEN state NOT IN ('planned', 'dispatched') THEN state
               WHEN has_records THEN 'complete'
               WHEN is_missing THEN 'waiting'
               ELSE 'empty'
           END AS state,
           state IN ('planned', 'dispatched') AND NOT is_missing AS refreshing,
           NOT is_missing AND partial AS partial, refused, windows
      FROM hot
     UNION ALL
    -- Of each range those that begin in each day that it touches.
    SELECT f.target_id, date '1970-01-01' + d.day, f.state, false, f.partial, f.refused,
           ((least(f.until, (d.day + 1) * bigint '86400') - f.since + f.seconds - 1) / f.seconds
            - (greatest(f.since, d.day * bigint '86400') - f.since + f.seconds - 1) / f.seconds)::int
      FROM folded AS f
     CROSS JOIN LATERAL generate_series((f.since / 86400)::int, ((f.until - 1) / 86400)::int) AS d(day)
),
days AS (
    SELECT target_id, day,
           sum(windows) AS planned,
           coalesce(sum(windows) FILTER (WHERE state = 'complete'), 0) AS complete,
           coalesce(sum(windows) FILTER (WHERE state = 'empty'), 0) AS empty,
           coalesce(sum(windows) FILTER (WHERE state = 'denied'), 0) AS denied,
           coalesce(sum(windows) FILTER (WHERE state = 'failed'), 0) AS failed,
           coalesce(sum(windows) FILTER (WHERE state = 'waiting'), 0) AS waiting,
           coalesce(sum(windows) FILTER (WHERE refreshing), 0) AS refreshing,
           coalesce(sum(windows) FILTER (WHERE partial), 0) AS partial,
           coalesce(sum(windows) FILTER (WHERE refused), 0) AS refused
      FROM windows
     GROUP BY target_id, day
    HAVING sum(windows) > 0
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
