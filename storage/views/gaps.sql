CREATE VIEW reporting.gaps AS
WITH days AS MATERIALIZED (
    SELECT target_id, date_bin(interval '1 day', window_start, timestamptz '1970-01-01 00:00:00+00') AS day,
           min(window_start) AS since, max(window_end) AS until,
           sum(window_end - window_start) = max(window_end) - min(window_start) AS is_whole
      FROM finfleet.collections
     GROUP BY 1, 2
),
-- Windows do not overlap: of a day that they fill from the first to the last no more has to be known.
parts AS (
    SELECT target_id, tstzrange(since, until) AS part
      FROM days
     WHERE is_whole
     UNION ALL
    SELECT d.target_id, tstzrange(c.window_start, c.window_end)
      FROM days AS d
      JOIN finfleet.collections AS c
        ON c.target_id = d.target_id AND c.window_start >= d.since AND c.window_start < d.until
     WHERE NOT d.is_whole
     UNION ALL
    SELECT f.target_id, part
      FROM finfleet.folded_windows AS f
     CROSS JOIN LATERAL unnest(f.ranges) AS part
),
covered AS (
    SELECT target_id, range_agg(part) AS ranges
      FROM parts
     GROUP BY target_id
),
paused AS (
    SELECT target_id, range_agg(tstzrange(paused_from, paused_until)) AS ranges
      FROM finfleet.pauses
     GROUP BY target_id
),
never_planned AS (
    SELECT t.target_id, lower(gap) AS gap_start, upper(gap) AS gap_end, 'never planned' AS reason,
           '' AS permission, true AS again
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
-- Rows of the ledger, and ranges of what is folded.
windows AS (
    SELECT target_id, window_start, window_end, state, records IS NULL AS is_missing, error, permission, partial,
           refused
      FROM finfleet.collections
     WHERE state IN ('denied', 'failed')
        OR (state IN ('planned', 'dispatched') AND records IS NULL)
        OR (records IS NOT NULL AND partial <> '')
     UNION ALL
    SELECT f.target_id, lower(part), upper(part), f.state, f.state IN ('denied', 'failed'), f.error, f.permission,
           f.partial, f.refused
      FROM finfleet.folded_windows AS f
     CROSS JOIN LATERAL unnest(f.ranges) AS part
     WHERE f.state IN ('denied', 'failed') OR f.partial <> ''
),
not_collected AS (
    SELECT target_id, window_start, window_end,
           CASE
               WHEN state = 'denied'
                   THEN 'denied: ' || coalesce(nullif(permission, ''), nullif(error, ''), 'reason unknown')
               WHEN state = 'failed' THEN 'failed: ' || coalesce(nullif(error, ''), 'reason unknown')
               WHEN is_missing THEN 'waiting'
               ELSE 'partial: ' || replace(partial, E'\n', '; ')
           END AS reason,
           CASE WHEN state = 'denied' OR refused THEN permission ELSE '' END AS permission,
           is_missing OR refused AS again
      FROM windows
),
-- Neighbours with the same reason become one gap.
marked AS (
    SELECT *,
           (lag(window_end) OVER own, lag(reason) OVER own, lag(permission) OVER own, lag(again) OVER own)
               IS DISTINCT FROM (window_start, reason, permission, again) AS begins
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
    SELECT target_id, min(window_start), max(window_end), min(reason), min(permission), bool_and(again)
      FROM numbered
     GROUP BY target_id, island
    UNION ALL
    -- What the provider does not deliver, until it is seen again.
    SELECT d.target_id, d.period_start, d.period_end, 'missing: ' || d.reason, '', true
      FROM finfleet.deliveries AS d
     WHERE d.version = ''
       AND NOT EXISTS (
               SELECT
                 FROM finfleet.deliveries AS o
                WHERE o.target_id = d.target_id
                  AND o.period_start = d.period_start
                  AND o.version <> ''
                  AND o.last_seen_at > d.last_seen_at
           )
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled,
       g.gap_start, g.gap_end, g.reason, g.permission, g.again AND t.enabled AND NOT t.live AS again
  FROM gaps AS g
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON VIEW reporting.gaps IS
    'Time of each target that is owed and not covered by a complete or empty window, or by one that lacks something,'
    ' and why. Without a row, everything that has closed is collected. The newest window is a gap for the moments'
    ' until it is collected. Name a range of gap_end.';
COMMENT ON COLUMN reporting.gaps.target IS :'target';
COMMENT ON COLUMN reporting.gaps.provider IS :'provider';
COMMENT ON COLUMN reporting.gaps.account IS :'configured_account';
COMMENT ON COLUMN reporting.gaps.region IS :'region';
COMMENT ON COLUMN reporting.gaps.service IS :'service';
COMMENT ON COLUMN reporting.gaps.enabled IS
    'Whether the target is configured now. Gaps of one that is not are left until it is configured again.';
COMMENT ON COLUMN reporting.gaps.gap_start IS 'UTC. The gap begins here, this moment included.';
COMMENT ON COLUMN reporting.gaps.gap_end IS 'UTC. The gap ends here, this moment excluded.';
COMMENT ON COLUMN reporting.gaps.reason IS
    'never planned: the planner has not run, or a ledger row is gone, and it heals itself. waiting: due, or being'
    ' collected. denied: and the missing permission. failed: and the last error; it is tried again when the target'
    ' answers, and finfleet backfill tries at once. missing: what the provider does not deliver, and why; it is looked'
    ' for again and again. partial: complete or empty, and yet something is missing,'
    ' and what: nobody can find it out any more, or a part was refused, which is read again.';
COMMENT ON COLUMN reporting.gaps.permission IS
    'The missing permission, where the window was denied or a part of it was refused for it; empty otherwise.';
COMMENT ON COLUMN reporting.gaps.again IS
    'Whether it is tried again without anybody asking: once the permission is granted, or the outage is over, while it'
    ' is not older than a week. What nobody can find out any more is not.';
