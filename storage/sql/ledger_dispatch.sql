-- Handing windows out to workers.

-- name: settle_lost
-- Dispatched, and no report came back while the lease ran: nobody answered, so this is no failure of the window. It is
-- due again when the lease ends, then a minute later, two, four, up to an hour: it may be what ends its workers. A
-- window that was settled before keeps what it has: only its refresh is lost, and after so many tomorrow's turn.
UPDATE finfleet.collections AS c
   SET lost = c.lost + 1,
       due_at = c.due_at + CASE
                               WHEN c.lost = 0 THEN interval '0'
                               ELSE interval '1 minute' * least(60, 2 ^ least(c.lost - 1, 6))
                           END,
       state = CASE
                   WHEN lost.gives_up AND c.records > 0 THEN 'complete'
                   WHEN lost.gives_up AND c.records = 0 THEN 'empty'
                   ELSE 'planned'
               END,
       settled_at = CASE WHEN lost.gives_up AND c.records IS NOT NULL THEN %(now)s ELSE c.settled_at END,
       refresh_at = CASE WHEN lost.gives_up AND c.records IS NOT NULL THEN %(now)s + interval '24 hours' END,
       error = format('no report came back; is a worker of %%s running?', lost.queue)
  FROM (
        SELECT c.target_id, c.window_start, t.queue, c.lost + 1 >= %(max_attempts)s AS gives_up
          FROM finfleet.collections AS c
          JOIN finfleet.targets AS t USING (target_id)
         WHERE c.state = 'dispatched' AND c.due_at <= %(now)s
         ORDER BY c.due_at
         LIMIT %(limit)s
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS lost
 WHERE c.target_id = lost.target_id AND c.window_start = lost.window_start

-- name: count_in_flight
-- Every provider that is collected, and how many of its windows are out.
SELECT t.provider, count(c.target_id)
  FROM finfleet.targets AS t
  LEFT JOIN finfleet.collections AS c ON c.target_id = t.target_id AND c.state = 'dispatched'
 WHERE (%(provider)s::text IS NULL OR t.provider = %(provider)s)
   AND t.enabled
 GROUP BY t.provider

-- name: take_planned
-- The newest first: the present matters more than the past, and a back-fill must not hold it up.
UPDATE finfleet.collections AS c
   SET state = 'dispatched', attempt = c.attempt + 1, dispatched_at = %(now)s, due_at = %(lease_end)s
  FROM (
        SELECT due.*
          FROM unnest(%(providers)s::text[], %(rooms)s::int[]) AS free(provider, room)
         CROSS JOIN LATERAL (
                SELECT c.target_id, c.window_start
                  FROM finfleet.collections AS c
                  JOIN finfleet.targets AS t USING (target_id)
                 WHERE t.provider = free.provider
                   AND (%(service)s::text IS NULL OR t.service = %(service)s)
                   AND t.enabled
                   AND (
                           t.denied_until IS NULL
                           OR (
                               t.denied_until <= %(now)s
                               -- One probe: its newest window, while none of it is out.
                               AND NOT EXISTS (
                                   SELECT
                                     FROM finfleet.collections AS other
                                    WHERE other.target_id = c.target_id
                                      AND other.state IN ('planned', 'dispatched')
                                      AND (other.state = 'dispatched' OR other.window_start > c.window_start)
                               )
                           )
                       )
                   AND c.state = 'planned'
                   AND c.due_at <= %(now)s
                   -- What a back-fill has opened and nobody asks for any more is withdrawn by the next healing.
                   AND (
                           c.backfill_id IS NULL
                           OR c.backfilled_from IS NOT NULL
                           OR c.records IS NOT NULL
                           OR EXISTS (
                               SELECT
                                 FROM finfleet.backfill_targets AS p
                                 JOIN finfleet.backfills AS b USING (backfill_id)
                                WHERE p.target_id = c.target_id
                                  AND p.since <= c.window_start
                                  AND c.window_start < p.until
                                  AND b.cancelled_at IS NULL
                           )
                       )
                   -- Of a back-fill with a budget only what is left pays for.
                   AND (
                           c.backfill_id IS NULL
                           OR c.backfill_id <> ALL(%(budgeted)s::int[])
                           OR (c.target_id, c.window_start) IN (
                               SELECT * FROM unnest(%(paid_targets)s::int[], %(paid_starts)s::timestamptz[])
                           )
                       )
                 ORDER BY c.window_start DESC
                 LIMIT free.room
                   FOR NO KEY UPDATE OF c SKIP LOCKED
               ) AS due
         ORDER BY due.window_start DESC
         LIMIT %(limit)s
       ) AS due
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.target_id = due.target_id AND c.window_start = due.window_start
RETURNING c.target_id, t.provider, t.account, t.region, t.service, t.queue, c.window_start, c.window_end, c.attempt

-- name: take_refreshes
-- Settled windows that are to be read again, after everything that was never read.
UPDATE finfleet.collections AS c
   SET state = 'dispatched', attempt = c.attempt + 1, dispatched_at = %(now)s, due_at = %(lease_end)s,
       failures = 0, lost = 0, refresh_at = NULL, refreshes = c.refreshes + 1
  FROM (
        SELECT due.*
          FROM unnest(%(providers)s::text[], %(rooms)s::int[]) AS free(provider, room)
         CROSS JOIN LATERAL (
                SELECT c.target_id, c.window_start, c.refresh_at
                  FROM finfleet.collections AS c
                  JOIN finfleet.targets AS t USING (target_id)
                 WHERE t.provider = free.provider
                   AND (%(service)s::text IS NULL OR t.service = %(service)s)
                   AND t.enabled
                   AND t.denied_until IS NULL
                   AND c.state IN ('complete', 'empty')
                   AND c.refresh_at <= %(now)s
                 ORDER BY c.refresh_at
                 LIMIT free.room
                   FOR NO KEY UPDATE OF c SKIP LOCKED
               ) AS due
         ORDER BY due.refresh_at
         LIMIT %(limit)s
       ) AS due
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.target_id = due.target_id AND c.window_start = due.window_start
RETURNING c.target_id, t.provider, t.account, t.region, t.service, t.queue, c.window_start, c.window_end, c.attempt

-- name: give_back
-- Only while the attempt is still the one that could not be sent.
UPDATE finfleet.collections AS c
   SET state = 'planned', due_at = %(due_at)s, dispatched_at = NULL
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(attempts)s::int[])
           AS n(target_id, window_start, attempt)
 WHERE c.target_id = n.target_id
   AND c.window_start = n.window_start
   AND c.attempt = n.attempt
   AND c.state = 'dispatched'
