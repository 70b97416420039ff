-- What a window lacks that is complete or empty otherwise --------------------------------------------------------------

-- A run may settle its window when its last batch comes after its report: the reasons are kept with the run.
ALTER TABLE finfleet.runs ADD COLUMN partial text DEFAULT '' NOT NULL;

CREATE INDEX collections_partial_idx ON finfleet.collections (target_id, window_start) WHERE partial <> '';

CREATE OR REPLACE VIEW reporting.coverage AS
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
           state IN ('planned', 'dispatched') AND records IS NOT NULL AS refreshing,
           records IS NOT NULL AND partial <> '' AS partial
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
           count(*) FILTER (WHERE refreshing) AS refreshing,
           count(*) FILTER (WHERE partial) AS partial
      FROM windows
     GROUP BY target_id, day
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled,
       d.day, d.planned, d.complete, d.empty, d.denied, d.failed, d.waiting, d.refreshing,
       trunc(100.0 * (d.planned - d.waiting) / d.planned, 2) AS percent_settled,
       trunc(100.0 * (d.complete + d.empty) / d.planned, 2) AS percent_covered,
       d.partial
  FROM days AS d
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON COLUMN reporting.coverage.partial IS 'Of the complete and empty windows, those that lack something that nobody can find out any more; the reasons are in reporting.gaps.';

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
           CASE
               WHEN state = 'denied' THEN 'denied: ' || coalesce(nullif(permission, ''), nullif(error, ''), 'reason unknown')
               WHEN state = 'failed' THEN 'failed: ' || coalesce(nullif(error, ''), 'reason unknown')
               WHEN records IS NULL THEN 'waiting'
               ELSE 'partial: ' || replace(partial, E'\n', '; ')
           END AS reason
      FROM finfleet.collections
     WHERE state IN ('denied', 'failed')
        OR (state IN ('planned', 'dispatched') AND records IS NULL)
        OR (records IS NOT NULL AND partial <> '')
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
    'Time of each target that is owed and not covered by a complete or empty window, or by one that lacks something, and why. Without a row, everything that has closed is collected. The newest window is a gap for the moments until it is collected.';
COMMENT ON COLUMN reporting.gaps.reason IS
    'never planned: the planner has not run, or a ledger row is gone, and it heals itself. waiting: due, or being collected. denied: and the missing permission. failed: and the last error; it is tried again when the target answers, and finfleet backfill tries at once. partial: complete or empty, and yet something is missing that nobody can find out any more, and what.';
