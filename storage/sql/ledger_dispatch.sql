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

-- name: is_any_due
-- Whether a look finds anything: the first entries of two small indexes. By their order, since a plan that is made for
-- any time takes it for likely that some row is due, and reads the table for it. What is out longer than its lease is due
-- too.
SELECT coalesce(
           (SELECT min(due_at) FROM finfleet.collections WHERE state IN ('planned', 'dispatched')) <= %(now)s, false
       ) OR coalesce(
           (
               SELECT min(refresh_at)
                 FROM finfleet.collections
                WHERE refresh_at IS NOT NULL
                  AND state IN ('complete', 'empty')
           ) <= %(now)s, false
       )

-- name: kinds
-- Everything that is collected, by what tells where it goes.
SELECT provider, queue, service
  FROM finfleet.targets
 WHERE enabled
   AND (%(provider)s::text IS NULL OR provider = %(provider)s)
   AND (%(service)s::text IS NULL OR service = %(service)s)
 GROUP BY provider, queue, service

-- name: count_targets
SELECT count(*) FROM finfleet.targets WHERE enabled

-- name: count_out
-- What is out and not lost, by what tells where it went. Such a row is due when its lease ends.
SELECT t.provider, t.queue, t.service, count(*)
  FROM finfleet.collections AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.state = 'dispatched'
   AND c.due_at > %(now)s
 GROUP BY t.provider, t.queue, t.service

-- name: budgets
SELECT backfill_id FROM finfleet.backfills WHERE budget_usd IS NOT NULL AND cancelled_at IS NULL

-- name: find_due
-- The present first: the newest window of a target that has closed, and the one before it. Then the past. Of each the
-- accounts take turns, whose turn comes the later the more of theirs is out; within one account the newest go first.
-- Numbers instead of names: to sort by texts takes longer than all the rest.
WITH kind AS (
    SELECT * FROM unnest(%(kind_providers)s::text[], %(services)s::text[], %(kind_lanes)s::text[])
                      AS n(provider, service, lane)
),
room AS (
    SELECT * FROM unnest(%(providers)s::text[], %(queues)s::text[], %(lanes)s::text[], %(rooms)s::int[])
                      WITH ORDINALITY AS n(provider, queue, lane, room, number)
),
place AS MATERIALIZED (
    SELECT t.target_id, room.number, room.room, t.interval_seconds, t.delay_seconds,
           hashtextextended(t.account, extract(epoch FROM %(now)s::timestamptz)::bigint + hashtext(t.provider)) AS account
      FROM finfleet.targets AS t
      JOIN kind USING (provider, service)
      JOIN room USING (provider, queue, lane)
     WHERE t.enabled
),
open AS MATERIALIZED (
    -- Of a few targets the newest, however long their past is; of very many targets whatever is due.
    SELECT c.target_id, c.window_start, c.window_end, c.backfill_id
      FROM finfleet.targets AS t
      JOIN place USING (target_id)
     CROSS JOIN LATERAL (
               SELECT c.*
                 FROM finfleet.collections AS c
                WHERE c.target_id = t.target_id
                  AND c.state = 'planned'
                  AND c.due_at <= %(now)s
                  AND {ledger_parts.may_go_out}
                ORDER BY c.window_start DESC
                LIMIT %(newest)s::int
           ) AS c
     WHERE %(newest)s::int IS NOT NULL
    UNION ALL
    SELECT c.target_id, c.window_start, c.window_end, c.backfill_id
      FROM finfleet.collections AS c
      JOIN finfleet.targets AS t USING (target_id)
     WHERE %(newest)s::int IS NULL
       AND c.state = 'planned'
       AND c.due_at <= %(now)s
       AND {ledger_parts.may_go_out}
),
busy AS (
    SELECT place.account, count(*) AS out
      FROM finfleet.collections AS c
      JOIN place USING (target_id)
     WHERE c.state = 'dispatched'
       AND c.due_at > %(now)s
     GROUP BY place.account
),
turns AS (
    SELECT open.target_id, open.window_start, open.window_end, open.backfill_id,
           place.number, place.room, place.account, past.past,
           coalesce(busy.out, 0) + row_number() OVER (
               PARTITION BY place.number, place.account, past.past
                   ORDER BY open.window_end DESC, open.window_start DESC, open.target_id
           ) AS turn
      FROM open
      JOIN place USING (target_id)
      LEFT JOIN busy USING (account)
     CROSS JOIN LATERAL (
               SELECT open.window_end < date_bin(
                          make_interval(secs => place.interval_seconds),
                          %(now)s - make_interval(secs => place.delay_seconds),
                          timestamptz 'epoch'
                      ) - make_interval(secs => place.interval_seconds) AS past
           ) AS past
),
places AS (
    SELECT turns.*, row_number() OVER (PARTITION BY number ORDER BY past, turn, account, window_end DESC) AS place
      FROM turns
)
SELECT number, target_id, window_start, backfill_id = ANY(%(budgeted)s::int[]) IS TRUE AS is_budgeted
  FROM places
 WHERE place <= room
 ORDER BY past, turn, account, place
 LIMIT %(limit)s

-- name: find_refreshes
-- Settled windows that are to be read again, after everything that was never read; the accounts take turns here too.
WITH kind AS (
    SELECT * FROM unnest(%(kind_providers)s::text[], %(services)s::text[], %(kind_lanes)s::text[])
                      AS n(provider, service, lane)
),
room AS (
    SELECT * FROM unnest(%(providers)s::text[], %(queues)s::text[], %(lanes)s::text[], %(rooms)s::int[])
                      WITH ORDINALITY AS n(provider, queue, lane, room, number)
),
turns AS (
    SELECT c.target_id, c.window_start, c.refresh_at, room.number, room.room,
           row_number() OVER (
               PARTITION BY room.number, t.provider, t.account ORDER BY c.refresh_at, c.target_id
           ) AS turn
      FROM finfleet.collections AS c
      JOIN finfleet.targets AS t USING (target_id)
      JOIN kind USING (provider, service)
      JOIN room USING (provider, queue, lane)
     WHERE t.enabled
       AND t.denied_until IS NULL
       AND c.state IN ('complete', 'empty')
       AND c.refresh_at <= %(now)s
),
places AS (
    SELECT turns.*, row_number() OVER (PARTITION BY number ORDER BY turn, refresh_at) AS place
      FROM turns
)
SELECT number, target_id, window_start
  FROM places
 WHERE place <= room
 ORDER BY turn, refresh_at
 LIMIT %(limit)s

-- name: take_planned
-- What was found, as far as it may still go out.
UPDATE finfleet.collections AS c
   SET state = 'dispatched', attempt = c.attempt + 1, dispatched_at = %(now)s, due_at = %(lease_end)s
  FROM (
        SELECT c.target_id, c.window_start, n.place
          FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) WITH ORDINALITY AS n(target_id, window_start, place)
          JOIN finfleet.collections AS c USING (target_id, window_start)
          JOIN finfleet.targets AS t USING (target_id)
         WHERE c.state = 'planned'
           AND c.due_at <= %(now)s
           AND {ledger_parts.may_go_out}
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS due
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.target_id = due.target_id AND c.window_start = due.window_start
RETURNING due.place, c.target_id, t.provider, t.account, t.region, t.service, t.queue, c.window_start, c.window_end,
          c.attempt

-- name: take_refreshes
UPDATE finfleet.collections AS c
   SET state = 'dispatched', attempt = c.attempt + 1, dispatched_at = %(now)s, due_at = %(lease_end)s,
       failures = 0, lost = 0, refresh_at = NULL, refreshes = c.refreshes + 1
  FROM (
        SELECT c.target_id, c.window_start, n.place
          FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) WITH ORDINALITY AS n(target_id, window_start, place)
          JOIN finfleet.collections AS c USING (target_id, window_start)
          JOIN finfleet.targets AS t USING (target_id)
         WHERE t.enabled
           AND t.denied_until IS NULL
           AND c.state IN ('complete', 'empty')
           AND c.refresh_at <= %(now)s
           FOR NO KEY UPDATE OF c SKIP LOCKED
       ) AS due
  JOIN finfleet.targets AS t USING (target_id)
 WHERE c.target_id = due.target_id AND c.window_start = due.window_start
RETURNING due.place, c.target_id, t.provider, t.account, t.region, t.service, t.queue, c.window_start, c.window_end,
          c.attempt

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
