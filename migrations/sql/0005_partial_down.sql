-- Takes back what 0005_partial.sql made.

-- A view loses a column only by being made anew.
DROP VIEW reporting.coverage;
CREATE VIEW reporting.coverage AS
WITH windows AS (
    SELECT target_id,
           (window_start AT TIME ZONE 'UTC')::date AS day,
           -- A window that is being read again keeps what it has meanwhile.
           CASE
               WHEN state NOT IN ('planned', 'dispatched') THEN state
               WHEN records > 0 THEN 'complete'
               WHEN records = 0 THEN 'empty'
               ELSE 'waiting'
           END AS state,
           state IN ('planned', 'dispatched') AND records IS NOT NULL AS refreshing
      FROM finfleet.collections
),
days AS (
    SELECT target_id, day,
           count(*) AS planned,
           count(*) FILTER (WHERE state = 'complete') AS complete,
           count(*) FILTER (WHERE state = 'empty') AS empty,
           count(*) FILTER (WHERE state = 'denied') AS denied,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE refreshing) AS refreshing
      FROM windows
     GROUP BY target_id, day
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled,
       d.day, d.planned, d.complete, d.empty, d.denied, d.failed, d.waiting, d.refreshing,
       trunc(100.0 * (d.planned - d.waiting) / d.planned, 2) AS percent_settled,
       trunc(100.0 * (d.complete + d.empty) / d.planned, 2) AS percent_covered
  FROM days AS d
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON VIEW reporting.coverage IS
    'Per target and day: how many windows the ledger planned, and how they ended. A day without a row has no planned window; see reporting.gaps for time that was owed and never planned. Time in which a target was not configured is not owed and counts nowhere.';
COMMENT ON COLUMN reporting.coverage.target IS 'The target as one text: provider/account/region/service.';
COMMENT ON COLUMN reporting.coverage.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.coverage.account IS 'The account by its name in the configuration, which is not the provider''s account id.';
COMMENT ON COLUMN reporting.coverage.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.coverage.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.coverage.enabled IS 'Whether the target is configured now. Of one that is not, nothing new is collected.';
COMMENT ON COLUMN reporting.coverage.day IS 'Day in UTC on which the windows begin.';
COMMENT ON COLUMN reporting.coverage.planned IS 'Windows in the ledger: the sum of complete, empty, denied, failed and waiting.';
COMMENT ON COLUMN reporting.coverage.complete IS 'Windows of which every record of one collection is stored.';
COMMENT ON COLUMN reporting.coverage.empty IS 'Windows for which the provider answered that there is nothing. Not the same as missing.';
COMMENT ON COLUMN reporting.coverage.denied IS 'Windows that a missing permission kept from being collected.';
COMMENT ON COLUMN reporting.coverage.failed IS
    'Windows given up after the allowed number of failures. They are tried again when their target answers, and ever more rarely for a week; finfleet backfill tries them at once. Of a target that is only measured as it happens they stay.';
COMMENT ON COLUMN reporting.coverage.waiting IS 'Windows that are due, or being collected for the first time.';
COMMENT ON COLUMN reporting.coverage.refreshing IS 'Of the complete and empty windows, those that are being read again.';
COMMENT ON COLUMN reporting.coverage.percent_settled IS 'Share of planned windows that ended in any way, in percent, rounded down to two digits.';
COMMENT ON COLUMN reporting.coverage.percent_covered IS 'Share of planned windows that are complete or empty, in percent, rounded down to two digits.';

CREATE OR REPLACE VIEW reporting.gaps AS
WITH covered AS (
    SELECT target_id, range_agg(tstzrange(window_start, window_end)) AS ranges
      FROM finfleet.collections
     GROUP BY target_id
),
paused AS (
    SELECT target_id, range_agg(tstzrange(paused_from, paused_until)) AS ranges
      FROM finfleet.pauses
     GROUP BY target_id
),
never_planned AS (
    SELECT t.target_id, lower(gap) AS gap_start, upper(gap) AS gap_end, 'never planned' AS reason
      FROM finfleet.targets AS t
      LEFT JOIN covered USING (target_id)
      LEFT JOIN paused USING (target_id)
     CROSS JOIN LATERAL unnest(
               tstzmultirange(
                   tstzrange(
                       t.enabled_since,
                       -- The last window that has closed, planned or not.
                       greatest(
                           t.planned_until,
                           date_bin(
                               make_interval(secs => t.interval_seconds),
                               now() - make_interval(secs => t.delay_seconds),
                               timestamptz '1970-01-01 00:00:00+00'
                           )
                       )
                   )
               )
               - coalesce(covered.ranges, '{}') - coalesce(paused.ranges, '{}')
           ) AS gap
),
not_collected AS (
    SELECT target_id, window_start, window_end,
           CASE state
               WHEN 'denied' THEN 'denied: ' || coalesce(nullif(permission, ''), nullif(error, ''), 'reason unknown')
               WHEN 'failed' THEN 'failed: ' || coalesce(nullif(error, ''), 'reason unknown')
               ELSE 'waiting'
           END AS reason
      FROM finfleet.collections
     WHERE state IN ('denied', 'failed')
        OR (state IN ('planned', 'dispatched') AND records IS NULL)
),
-- Neighbours with the same reason become one gap.
marked AS (
    SELECT *,
           (lag(window_end) OVER own, lag(reason) OVER own) IS DISTINCT FROM (window_start, reason) AS begins
      FROM not_collected
    WINDOW own AS (PARTITION BY target_id ORDER BY window_start)
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY target_id ORDER BY window_start) AS island
      FROM marked
),
gaps AS (
    SELECT * FROM never_planned
    UNION ALL
    SELECT target_id, min(window_start), max(window_end), min(reason) FROM numbered GROUP BY target_id, island
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled,
       g.gap_start, g.gap_end, g.reason
  FROM gaps AS g
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON VIEW reporting.gaps IS
    'Time of each target that is owed and not covered by a complete or empty window, and why. Without a row, everything that has closed is collected. The newest window is a gap for the moments until it is collected.';
COMMENT ON COLUMN reporting.gaps.reason IS
    'never planned: the planner has not run, or a ledger row is gone, and it heals itself. waiting: due, or being collected. denied: and the missing permission. failed: and the last error; it is tried again when the target answers, and finfleet backfill tries at once.';

DROP INDEX finfleet.collections_partial_idx;
ALTER TABLE finfleet.runs DROP COLUMN partial;

DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        GRANT SELECT ON reporting.coverage TO finfleet_reader;
    END IF;
END
$$;
