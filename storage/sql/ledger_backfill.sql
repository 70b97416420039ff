-- Collecting the past on request.

-- name: all_targets
SELECT target_id, provider, account, region, service, enabled, live, delivered
  FROM finfleet.targets
 ORDER BY provider, account, region, service

-- name: reopen
-- The next windows after a key, in the order of their key, as by whoever settles them: nobody deadlocks.
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(now)s, failures = 0, lost = 0, failed_since = NULL, error = '', permission = '',
       backfill_id = %(backfill_id)s::int, backfilled_from = c.state
  FROM (
        SELECT target_id, window_start
          FROM finfleet.collections
         WHERE target_id = ANY(%(target_ids)s::int[])
           AND window_start < %(until)s
           AND window_end > %(since)s
           AND (
                   state IN ('denied', 'failed') OR ((refused OR %(again)s) AND state IN ('complete', 'empty'))
               )
           AND (target_id, window_start) > (%(after_target)s::int, %(after_start)s::timestamptz)
         ORDER BY target_id, window_start
         LIMIT %(limit)s
           FOR NO KEY UPDATE
       ) AS again
 WHERE c.target_id = again.target_id AND c.window_start = again.window_start
RETURNING c.target_id, c.window_start

-- name: take_over
-- What an earlier back-fill with a budget has not handed out is this one's now, and what is left of a cancelled one.
UPDATE finfleet.collections AS c
   SET backfill_id = %(backfill_id)s::int, error = ''
  FROM (
        SELECT c.target_id, c.window_start
          FROM finfleet.collections AS c
          JOIN finfleet.backfills AS b USING (backfill_id)
         WHERE c.target_id = ANY(%(target_ids)s::int[])
           AND c.window_start < %(until)s
           AND c.window_end > %(since)s
           AND (
                   (c.state = 'planned' AND b.budget_usd IS NOT NULL)
                   OR (c.state IN ('planned', 'dispatched') AND c.records IS NULL AND b.cancelled_at IS NOT NULL)
               )
           AND b.backfill_id <> %(backfill_id)s::int
           AND (c.target_id, c.window_start) > (%(after_target)s::int, %(after_start)s::timestamptz)
         ORDER BY c.target_id, c.window_start
         LIMIT %(limit)s
           FOR NO KEY UPDATE OF c
       ) AS left_over
 WHERE c.target_id = left_over.target_id AND c.window_start = left_over.window_start
RETURNING c.target_id, c.window_start

-- name: hasten
-- What waits for a later time is due now. What is being settled at this moment is left alone.
UPDATE finfleet.collections AS c
   SET due_at = %(now)s
  FROM (
        SELECT target_id, window_start
          FROM finfleet.collections
         WHERE target_id = ANY(%(target_ids)s::int[])
           AND window_start < %(until)s
           AND window_end > %(since)s
           AND state = 'planned'
           AND due_at > %(now)s
           AND (target_id, window_start) > (%(after_target)s::int, %(after_start)s::timestamptz)
         ORDER BY target_id, window_start
         LIMIT %(limit)s
           FOR NO KEY UPDATE SKIP LOCKED
       ) AS later
 WHERE c.target_id = later.target_id AND c.window_start = later.window_start
RETURNING c.target_id, c.window_start

-- name: preview
-- Of each target: windows of the span that the ledger lacks, those that would be due again, and those that an earlier
-- back-fill has not handed out, for the sake of its budget.
SELECT t.target_id,
       (
           SELECT coalesce(sum(
                      ceil(extract(epoch FROM upper(gap)) / t.interval_seconds)
                      - floor(extract(epoch FROM lower(gap)) / t.interval_seconds)
                  ), 0)::bigint
             FROM unnest(
                      tstzmultirange(tstzrange(span.since, CASE WHEN t.delivered THEN span.since ELSE greatest(span.since, least(span.until, t.planned_until)) END))
                      - found.ranges - folded.ranges
                  ) AS gap
       ) AS missing,
       found.again + folded.again AS again,
       t.interval_seconds,
       found.held
  FROM finfleet.targets AS t
 CROSS JOIN LATERAL (
           SELECT date_bin(make_interval(secs => t.interval_seconds), %(since)s, timestamptz 'epoch') AS since,
                  date_bin(
                      make_interval(secs => t.interval_seconds), %(until)s - interval '1 microsecond',
                      timestamptz 'epoch'
                  ) + make_interval(secs => t.interval_seconds) AS until
       ) AS span
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(tstzrange(c.window_start, c.window_end)), '{}') AS ranges,
                  count(*) FILTER (
                      WHERE c.window_start < %(until)s
                        AND c.window_end > %(since)s
                        AND (
                            c.state IN ('denied', 'failed')
                            OR ((c.refused OR %(again)s) AND c.state IN ('complete', 'empty'))
                        )
                  ) AS again,
                  count(*) FILTER (
                      WHERE c.state = 'planned'
                        AND c.window_start < %(until)s
                        AND c.window_end > %(since)s
                        AND (b.budget_usd IS NOT NULL OR (c.records IS NULL AND b.cancelled_at IS NOT NULL))
                  ) AS held
             FROM finfleet.collections AS c
             LEFT JOIN finfleet.backfills AS b USING (backfill_id)
            WHERE c.target_id = t.target_id
              AND c.window_start < span.until
              AND c.window_end > span.since
       ) AS found
 CROSS JOIN LATERAL (
           SELECT coalesce(range_agg(part), '{}') AS ranges,
                  coalesce(sum(
                      ceil(extract(epoch FROM upper(part * tstzrange(%(since)s, %(until)s)) - lower(part)) / f.seconds)
                      - floor(extract(epoch FROM lower(part * tstzrange(%(since)s, %(until)s)) - lower(part)) / f.seconds)
                  ) FILTER (
                      WHERE (f.state IN ('denied', 'failed') OR f.refused OR %(again)s)
                        AND part && tstzrange(%(since)s, %(until)s)
                  ), 0)::bigint AS again
             FROM finfleet.folded_windows AS f
            CROSS JOIN LATERAL unnest(f.ranges) AS part
            WHERE f.target_id = t.target_id
              AND part && tstzrange(span.since, span.until)
       ) AS folded
 WHERE t.target_id = ANY(%(target_ids)s::int[])

-- name: lock_targets
SELECT target_id, interval_seconds, enabled_since, planned_until
  FROM finfleet.targets
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id
   FOR NO KEY UPDATE

-- name: owe
-- A permission that may have been granted is tried again: the first window that is refused stops the others.
UPDATE finfleet.targets AS t
   SET enabled_since = n.enabled_since, denied_until = NULL
  FROM unnest(%(target_ids)s::int[], %(enabled_since)s::timestamptz[]) AS n(target_id, enabled_since)
 WHERE t.target_id = n.target_id

-- name: pauses
SELECT target_id, paused_from, paused_until
  FROM finfleet.pauses
 WHERE target_id = ANY(%(target_ids)s::int[])
 ORDER BY target_id, paused_from

-- name: drop_pauses
DELETE FROM finfleet.pauses WHERE target_id = ANY(%(target_ids)s::int[])

-- name: insert_pauses
INSERT INTO finfleet.pauses (target_id, paused_from, paused_until)
SELECT * FROM unnest(%(target_ids)s::int[], %(paused_from)s::timestamptz[], %(paused_until)s::timestamptz[])
