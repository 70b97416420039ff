-- Settled windows become ranges, and rows again where something has to be done of them.
-- A window is in finfleet.collections or in the ranges, never in both, never in neither: one statement moves it.

-- name: others
-- Whether a process of another release may write to the ledger, and would not look for a window in the ranges.
SELECT EXISTS (
    SELECT
      FROM finfleet.processes
     WHERE role IN ('ingest', 'worker plan')
       AND version <> %(version)s
       AND stopped_at IS NULL
       AND last_seen > now() - %(silent)s::interval
)

-- name: pick
-- Months of targets that have the oldest windows to fold.
WITH oldest AS MATERIALIZED (
    SELECT c.target_id, c.window_start
      FROM finfleet.collections AS c
      JOIN finfleet.targets AS t USING (target_id)
     WHERE c.window_start < %(before)s
       AND {folded.foldable}
     ORDER BY c.window_start
     LIMIT %(limit)s
)
SELECT target_id, date_trunc('month', window_start AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month
  FROM oldest
 GROUP BY 1, 2
 ORDER BY min(window_start), 1
 LIMIT %(months)s

-- name: fold
-- In the order of their keys; what somebody is at work on is left to the next time.
WITH chosen AS MATERIALIZED (
    SELECT c.target_id, c.window_start
      FROM unnest(%(target_ids)s::int[], %(months)s::timestamptz[]) AS n(target_id, month)
      JOIN finfleet.targets AS t USING (target_id)
      JOIN finfleet.collections AS c
        ON c.target_id = n.target_id
       AND c.window_start >= n.month
       AND c.window_start < ((n.month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
     WHERE c.window_start < %(before)s
       AND {folded.foldable}
     ORDER BY c.target_id, c.window_start
     LIMIT %(limit)s
       FOR UPDATE OF c SKIP LOCKED
),
gone AS (
    DELETE FROM finfleet.collections AS c
     USING chosen
     WHERE c.target_id = chosen.target_id AND c.window_start = chosen.window_start
    RETURNING c.target_id, c.window_start, c.window_end, coalesce(c.backfill_id, 0) AS backfill_id, c.state, c.error,
              c.permission, c.partial, c.refused, c.records, c.attempt,
              c.settled_run
),
stand_ins AS (
    DELETE FROM finfleet.runs AS r
     USING gone AS g
     WHERE r.target_id = g.target_id AND r.window_start = g.window_start AND r.started_at = %(stand_in)s
    RETURNING r.run_id
),
spent AS (
    SELECT g.target_id, g.window_start, sum(r.api_cost_usd) AS usd,
           count(*) FILTER (WHERE r.api_cost_usd IS NULL) AS unpriced
      FROM gone AS g
      JOIN finfleet.backfills AS b USING (backfill_id)
      JOIN finfleet.runs AS r
        ON r.target_id = g.target_id AND r.window_start = g.window_start AND r.reported_at >= b.asked_at
     GROUP BY 1, 2
),
folded AS (
    INSERT INTO finfleet.folded_windows AS f
           (target_id, month, seconds, phase, backfill_id, state, reason, error, permission, partial, refused,
            ranges, windows, records, attempt, spent_usd, unpriced)
    SELECT g.target_id, date_trunc('month', g.window_start AT TIME ZONE 'UTC')::date,
           w.seconds, extract(epoch FROM g.window_start)::bigint %% w.seconds,
           g.backfill_id, g.state, md5(jsonb_build_array(g.error, g.permission, g.partial, g.refused)::text)::uuid,
           g.error, g.permission, g.partial, g.refused,
           range_agg(tstzrange(g.window_start, g.window_end)), count(*),
           -- What a run stands in for has records of a number that nobody knows any more.
           CASE WHEN NOT bool_or(g.state = 'complete' AND n.run_id IS NOT NULL) THEN coalesce(sum(g.records), 0) END,
           max(g.attempt), coalesce(sum(s.usd), 0), coalesce(sum(s.unpriced), 0)
      FROM gone AS g
      LEFT JOIN spent AS s USING (target_id, window_start)
      LEFT JOIN stand_ins AS n ON n.run_id = g.settled_run
     CROSS JOIN LATERAL (SELECT extract(epoch FROM g.window_end - g.window_start)::int AS seconds) AS w
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
     ORDER BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT (target_id, month, seconds, phase, backfill_id, state, reason) DO UPDATE
       SET ranges = f.ranges + excluded.ranges,
           windows = f.windows + excluded.windows,
           records = f.records + excluded.records,
           attempt = greatest(f.attempt, excluded.attempt),
           spent_usd = f.spent_usd + excluded.spent_usd,
           unpriced = f.unpriced + excluded.unpriced
)
SELECT count(*) FROM gone

-- name: find
-- Which of these windows are folded, with a lock on the ranges that have them.
SELECT n.target_id, n.window_start
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
  JOIN finfleet.folded_windows AS f
    ON f.target_id = n.target_id
   AND f.month = date_trunc('month', n.window_start AT TIME ZONE 'UTC')::date
   AND f.ranges @> n.window_start
   AND extract(epoch FROM n.window_start)::numeric %% f.seconds = f.phase
 ORDER BY f.target_id, f.month, f.seconds, f.phase, f.backfill_id, f.state, f.reason
   FOR UPDATE OF f

-- name: find_to_collect
-- The next windows of a span that a back-fill wants collected again, with a lock on the ranges that have them.
SELECT f.target_id, w.window_start
  FROM (
        SELECT f.*
          FROM finfleet.folded_windows AS f
         WHERE f.target_id = ANY(%(target_ids)s::int[])
           AND f.ranges && tstzmultirange(tstzrange(%(since)s, %(until)s))
           AND (f.state IN ('denied', 'failed') OR f.refused OR %(again)s)
         ORDER BY f.target_id, f.month, f.seconds, f.phase, f.backfill_id, f.state, f.reason
         LIMIT 1
           FOR UPDATE
       ) AS f
 CROSS JOIN LATERAL unnest(f.ranges) AS r
 CROSS JOIN LATERAL generate_series(
           lower(r), upper(r) - interval '1 microsecond', make_interval(secs => f.seconds)
       ) AS w(window_start)
 WHERE w.window_start < %(until)s
   AND w.window_start + make_interval(secs => f.seconds) > %(since)s
 ORDER BY w.window_start
 LIMIT %(limit)s

-- name: unfold
-- The caller has locked their ranges. Of what runs still tell each window has its own; where they are forgotten, a run
-- stands for them that is newer than all of them: what was handed out before adds rows, and changes none.
WITH found AS MATERIALIZED (
    SELECT f.target_id, f.month, f.seconds, f.phase, f.backfill_id, f.state, f.reason, f.error, f.permission, f.partial,
           f.refused, f.attempt, n.window_start, n.window_start + make_interval(secs => f.seconds) AS window_end,
           settling.run_id, settling.records_committed AS records, newest.attempt AS newest_attempt, newest.started_at,
           (
               SELECT max(r.reported_at)
                 FROM finfleet.runs AS r
                WHERE r.target_id = f.target_id AND r.window_start = n.window_start
           ) AS reported_at,
           spent.usd, spent.unpriced,
           CASE WHEN f.state IN ('complete', 'empty') AND settling.run_id IS NULL THEN gen_random_uuid() END AS stand_in
      FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
      JOIN finfleet.folded_windows AS f
        ON f.target_id = n.target_id
       AND f.month = date_trunc('month', n.window_start AT TIME ZONE 'UTC')::date
       AND f.ranges @> n.window_start
       AND extract(epoch FROM n.window_start)::numeric %% f.seconds = f.phase
      LEFT JOIN LATERAL (
               SELECT r.run_id, r.records_committed
                 FROM finfleet.runs AS r
                WHERE r.target_id = f.target_id
                  AND r.window_start = n.window_start
                  AND r.outcome IN ('complete', 'empty')
                  AND r.batches_committed = r.batches_expected
                  AND f.state IN ('complete', 'empty')
                ORDER BY r.refused, r.attempt DESC, r.started_at DESC, r.run_id DESC
                LIMIT 1
           ) AS settling ON true
      LEFT JOIN LATERAL (
               SELECT r.attempt, r.started_at
                 FROM finfleet.runs AS r
                WHERE r.target_id = f.target_id AND r.window_start = n.window_start AND r.batches_committed > 0
                ORDER BY r.attempt DESC, r.started_at DESC, r.run_id DESC
                LIMIT 1
           ) AS newest ON true
      LEFT JOIN LATERAL (
               SELECT sum(r.api_cost_usd) AS usd, count(*) FILTER (WHERE r.api_cost_usd IS NULL) AS unpriced
                 FROM finfleet.backfills AS b
                 JOIN finfleet.runs AS r
                   ON r.target_id = f.target_id AND r.window_start = n.window_start AND r.reported_at >= b.asked_at
                WHERE b.backfill_id = f.backfill_id
           ) AS spent ON true
),
taken AS MATERIALIZED (
    SELECT target_id, month, seconds, phase, backfill_id, state, reason,
           range_agg(tstzrange(window_start, window_end)) AS ranges, count(*) AS windows,
           -- A window without records has none, whether its run is there or not.
           CASE WHEN bool_and(records IS NOT NULL OR state <> 'complete') THEN coalesce(sum(records), 0) END AS records,
           coalesce(sum(usd), 0) AS usd, coalesce(sum(unpriced), 0) AS unpriced
      FROM found
     GROUP BY target_id, month, seconds, phase, backfill_id, state, reason
),
emptied AS (
    DELETE FROM finfleet.folded_windows AS f
     USING taken AS n
     WHERE (f.target_id, f.month, f.seconds, f.phase, f.backfill_id, f.state, f.reason)
               = (n.target_id, n.month, n.seconds, n.phase, n.backfill_id, n.state, n.reason)
       AND f.windows = n.windows
),
lessened AS (
    UPDATE finfleet.folded_windows AS f
       SET ranges = f.ranges - n.ranges,
           windows = f.windows - n.windows,
           records = f.records - n.records,
           spent_usd = f.spent_usd - n.usd,
           unpriced = f.unpriced - n.unpriced
      FROM taken AS n
     WHERE (f.target_id, f.month, f.seconds, f.phase, f.backfill_id, f.state, f.reason)
               = (n.target_id, n.month, n.seconds, n.phase, n.backfill_id, n.state, n.reason)
       AND f.windows <> n.windows
),
stand_ins AS (
    INSERT INTO finfleet.runs
           (run_id, target_id, window_start, window_end, attempt, started_at, batches_committed, records_committed,
            reported_at, finished_at, outcome, batches_expected, partial, permission, refused)
    SELECT stand_in, target_id, window_start, window_end, attempt, %(stand_in)s,
           (state = 'complete')::int, (state = 'complete')::int, window_end, window_end, state,
           (state = 'complete')::int, partial, permission, refused
      FROM found
     WHERE stand_in IS NOT NULL
    RETURNING run_id, window_end
),
all_keys AS (
    INSERT INTO finfleet.batches (run_id, number, records, keys, committed_at)
    SELECT run_id, 2147483647, 0, %(all_keys)s, window_end FROM stand_ins
)
INSERT INTO finfleet.collections
       (target_id, window_start, window_end, state, due_at, attempt, planned_at, settled_at, failed_since,
        newest_attempt, newest_started_at, settled_run, records, error, permission, partial, refused, backfill_id)
SELECT n.target_id, n.window_start, n.window_end, n.state, n.window_end, n.attempt,
       n.window_end + make_interval(secs => t.delay_seconds), w.settled_at,
       -- What was given up is not tried again by itself.
       CASE WHEN n.state IN ('denied', 'failed') OR n.refused THEN w.settled_at - interval '30 days' END,
       CASE WHEN n.stand_in IS NULL THEN coalesce(n.newest_attempt, 0) ELSE n.attempt END,
       CASE WHEN n.stand_in IS NULL THEN n.started_at ELSE %(stand_in)s END,
       coalesce(n.run_id, n.stand_in),
       -- A complete one had at least one; how many, nobody knows any more.
       CASE WHEN n.stand_in IS NULL THEN n.records ELSE (n.state = 'complete')::int END,
       n.error, n.permission, n.partial, n.refused, nullif(n.backfill_id, 0)
  FROM found AS n
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN LATERAL (SELECT coalesce(n.reported_at, n.window_end) AS settled_at) AS w
 ORDER BY n.target_id, n.window_start
    ON CONFLICT (target_id, window_start) DO NOTHING

-- name: collect_again
-- As a back-fill has it of what is no range: of windows that its transaction has unfolded.
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(now)s, failures = 0, lost = 0, failed_since = NULL, error = '', permission = '',
       backfill_id = %(backfill_id)s::int, backfilled_from = c.state
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
 WHERE c.target_id = n.target_id AND c.window_start = n.window_start
