-- Deliveries of bills: which versions of a billing period there are, and which window is to be read for it.

-- name: see
-- The same row, in whatever order its sightings come. What was read knows its files better than what was seen.
INSERT INTO finfleet.deliveries AS d
       (target_id, period_start, version, period_end, submitted_at, seen_at, last_seen_at, files, reason)
VALUES (%(target_id)s, %(period_start)s, %(version)s, %(period_end)s, %(submitted_at)s, %(seen_at)s, %(seen_at)s,
        %(files)s::jsonb, %(reason)s)
    ON CONFLICT (target_id, period_start, version) DO UPDATE
   SET period_end = CASE WHEN (excluded.last_seen_at >= d.last_seen_at) IS NOT FALSE THEN excluded.period_end ELSE d.period_end END,
       submitted_at = greatest(d.submitted_at, excluded.submitted_at),
       seen_at = least(d.seen_at, excluded.seen_at),
       last_seen_at = greatest(d.last_seen_at, excluded.last_seen_at),
       files = CASE
                   WHEN d.read_at IS NULL AND (excluded.last_seen_at >= d.last_seen_at) IS NOT FALSE THEN excluded.files
                   ELSE d.files
               END,
       reason = CASE WHEN (excluded.last_seen_at >= d.last_seen_at) IS NOT FALSE THEN excluded.reason ELSE d.reason END

-- name: read
-- Whoever reads a version has seen it, and yet not looked for others. Of two that have, the later one is told.
INSERT INTO finfleet.deliveries AS d
       (target_id, period_start, version, period_end, submitted_at, seen_at, files,
        read_at, run_id, rows_read, bytes_read, totals)
VALUES (%(target_id)s, %(period_start)s, %(version)s, %(period_end)s, %(submitted_at)s, %(seen_at)s,
        %(files)s::jsonb, %(read_at)s, %(run_id)s, %(rows_read)s, %(bytes_read)s, %(totals)s::jsonb)
    ON CONFLICT (target_id, period_start, version) DO UPDATE
   SET submitted_at = greatest(d.submitted_at, excluded.submitted_at),
       seen_at = least(d.seen_at, excluded.seen_at),
       files = CASE WHEN ((excluded.read_at, excluded.run_id) >= (d.read_at, d.run_id)) IS NOT FALSE THEN excluded.files ELSE d.files END,
       read_at = CASE WHEN ((excluded.read_at, excluded.run_id) >= (d.read_at, d.run_id)) IS NOT FALSE THEN excluded.read_at ELSE d.read_at END,
       run_id = CASE WHEN ((excluded.read_at, excluded.run_id) >= (d.read_at, d.run_id)) IS NOT FALSE THEN excluded.run_id ELSE d.run_id END,
       rows_read = CASE WHEN ((excluded.read_at, excluded.run_id) >= (d.read_at, d.run_id)) IS NOT FALSE THEN excluded.rows_read ELSE d.rows_read END,
       bytes_read = CASE WHEN ((excluded.read_at, excluded.run_id) >= (d.read_at, d.run_id)) IS NOT FALSE THEN excluded.bytes_read ELSE d.bytes_read END,
       totals = CASE WHEN ((excluded.read_at, excluded.run_id) >= (d.read_at, d.run_id)) IS NOT FALSE THEN excluded.totals ELSE d.totals END

-- name: note_version
-- One batch of a run has it; of one that says two, it is always the same one.
INSERT INTO finfleet.bills AS b (run_id, target_id, window_start, version)
VALUES (%(run_id)s, %(target_id)s, %(period_start)s, %(version)s)
    ON CONFLICT (run_id) DO UPDATE SET version = greatest(b.version, excluded.version)

-- name: open
-- Due now. Those that are there are locked, or made by somebody at this moment, who has seen the same.
INSERT INTO finfleet.collections (target_id, window_start, window_end, due_at, planned_at)
SELECT n.target_id, n.window_start, n.window_end, %(now)s, %(now)s
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS n(target_id, window_start, window_end)
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.enabled
 ORDER BY n.target_id, n.window_start
    ON CONFLICT (target_id, window_start) DO NOTHING

-- name: proofs
-- Which runs have read a version whole, and when that was submitted.
SELECT b.run_id, d.submitted_at
  FROM finfleet.bills AS b
  JOIN finfleet.deliveries AS d
    ON d.target_id = b.target_id AND d.period_start = b.window_start AND d.version = b.version
 WHERE b.run_id = ANY(%(run_ids)s::uuid[])
   AND b.version <> ''
   AND d.read_at IS NOT NULL

-- name: owe
-- Windows whose newest version is another one than what was read are due again. Newest is what was submitted last, or
-- was seen last where nobody says. A run that began after it was seen and read another one shows that it is gone, until
-- it is seen again. What was given up is tried again for a newer one alone; what was denied as soon as the permission
-- may be there: no window of the clock probes for it. Only when it is seen again, not when its reading has just ended.
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(now)s, failures = 0, lost = 0, failed_since = NULL, refresh_at = NULL,
       error = '', permission = '', backfill_id = NULL, backfilled_from = NULL
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN LATERAL (
           SELECT d.version, d.seen_at, coalesce(d.last_seen_at, d.seen_at) AS last_seen_at
             FROM finfleet.deliveries AS d
            WHERE d.target_id = n.target_id AND d.period_start = n.window_start AND d.version <> ''
            ORDER BY coalesce(d.submitted_at, d.last_seen_at, d.seen_at) DESC, d.last_seen_at DESC NULLS LAST,
                     d.version DESC
            LIMIT 1
       ) AS newest
 WHERE c.target_id = n.target_id
   AND c.window_start = n.window_start
   AND t.enabled
   AND t.delivered
   AND (t.denied_until IS NULL OR t.denied_until <= %(now)s)
   AND CASE
           WHEN NOT %(seen)s AND c.state NOT IN ('complete', 'empty') THEN false
           WHEN c.state IN ('complete', 'empty') THEN
               NOT EXISTS (
                   SELECT
                     FROM finfleet.runs AS r
                     LEFT JOIN finfleet.bills AS b USING (run_id)
                    WHERE r.run_id = c.settled_run
                      AND (b.version = newest.version OR r.started_at >= newest.last_seen_at)
               )
               AND (c.refresh_at IS NULL OR newest.seen_at > c.settled_at OR t.denied_until IS NOT NULL)
           WHEN c.state = 'failed' THEN newest.seen_at > c.settled_at
           ELSE c.state = 'denied'
       END
