-- The outbox: what is to be sent, in the order of its ids, target by target.
-- Every query for what is pending is served by outbox_pending_idx (destination, target_id, outbox_id).

-- name: due_targets
-- The targets whose oldest pending entry is due. Goes from head to head: it costs an index look-up per target,
-- however many entries wait behind.
WITH RECURSIVE heads AS (
    (
        SELECT target_id, outbox_id, due_at
        FROM finfleet.outbox
        WHERE destination = %(destination)s AND state = 'pending'
        ORDER BY target_id, outbox_id
        LIMIT 1
    )
    UNION ALL
    SELECT following.target_id, following.outbox_id, following.due_at
    FROM heads
    CROSS JOIN LATERAL (
        SELECT target_id, outbox_id, due_at
        FROM finfleet.outbox
        WHERE destination = %(destination)s AND state = 'pending' AND target_id > heads.target_id
        ORDER BY target_id, outbox_id
        LIMIT 1
    ) AS following
)
SELECT target_id
FROM heads
WHERE due_at <= now() AND target_id <> ALL (%(busy)s::int[])
ORDER BY outbox_id
LIMIT %(limit)s

-- name: probe_targets
-- The targets that something waits for, the one whose oldest entry failed least often first, due or not:
-- an entry that is itself the trouble must not be the one by which a destination is tried.
WITH RECURSIVE heads AS (
    (
        SELECT target_id, outbox_id, attempts
        FROM finfleet.outbox
        WHERE destination = %(destination)s AND state = 'pending'
        ORDER BY target_id, outbox_id
        LIMIT 1
    )
    UNION ALL
    SELECT following.target_id, following.outbox_id, following.attempts
    FROM heads
    CROSS JOIN LATERAL (
        SELECT target_id, outbox_id, attempts
        FROM finfleet.outbox
        WHERE destination = %(destination)s AND state = 'pending' AND target_id > heads.target_id
        ORDER BY target_id, outbox_id
        LIMIT 1
    ) AS following
)
SELECT target_id
FROM heads
WHERE target_id <> ALL (%(busy)s::int[])
ORDER BY attempts, outbox_id
LIMIT %(limit)s

-- name: take
-- Locks the head of a target. The head is looked up first and locked second: were locked rows skipped in the look-up,
-- a second forwarder would get the second entry while the first is still under way.
SELECT outbox_id, body, attempts
FROM finfleet.outbox
WHERE
    outbox_id = (
        SELECT outbox_id
        FROM finfleet.outbox
        WHERE destination = %(destination)s AND state = 'pending' AND target_id = %(target_id)s
        ORDER BY outbox_id
        LIMIT 1
    )
    AND state = 'pending'
    AND (due_at <= now() OR %(even_if_waiting)s)
FOR UPDATE SKIP LOCKED

-- name: take_behind
-- The first entry behind those that were refused, for whoever has locked the head of the target.
SELECT outbox_id, body, attempts
FROM finfleet.outbox
WHERE
    outbox_id = (
        SELECT outbox_id
        FROM finfleet.outbox
        WHERE
            destination = %(destination)s
            AND state = 'pending'
            AND target_id = %(target_id)s
            AND outbox_id <> ALL (%(refused)s::bigint[])
        ORDER BY outbox_id
        LIMIT 1
    )
    AND state = 'pending'
FOR UPDATE SKIP LOCKED

-- name: mark_sent
UPDATE finfleet.outbox
SET state = 'sent', body = NULL, attempts = attempts + 1, sent_at = clock_timestamp(), error = %(remark)s
WHERE outbox_id = %(outbox_id)s AND state = 'pending'

-- name: mark_retry
UPDATE finfleet.outbox
SET
    attempts = attempts + 1,
    due_at = clock_timestamp() + make_interval(secs => %(wait)s::float8),
    error = %(error)s
WHERE outbox_id = %(outbox_id)s AND state = 'pending'

-- name: mark_dead
UPDATE finfleet.outbox
SET state = 'dead', attempts = attempts + 1, error = %(error)s
WHERE outbox_id = %(outbox_id)s AND state = 'pending'

-- name: wake
-- Only heads are ever made to wait, so these are few. Those that somebody has locked are being sent just now.
UPDATE finfleet.outbox
SET due_at = now()
WHERE
    outbox_id IN (
        SELECT outbox_id
        FROM finfleet.outbox
        WHERE destination = %(destination)s AND state = 'pending' AND due_at > now()
        FOR UPDATE SKIP LOCKED
    )

-- name: release
-- What waits for a destination that nobody sends to any more. Those that somebody has locked are being sent just now.
UPDATE finfleet.outbox
SET state = 'dead', error = %(error)s
WHERE
    outbox_id IN (
        SELECT outbox_id
        FROM finfleet.outbox
        WHERE state = 'pending' AND destination <> ALL (%(known)s::text[]) AND created_at < %(before)s
        ORDER BY outbox_id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )

-- name: forget_destination
DELETE FROM finfleet.outbox
WHERE
    outbox_id IN (
        SELECT outbox_id
        FROM finfleet.outbox
        WHERE destination = %(destination)s AND state <> 'pending'
        ORDER BY outbox_id
        LIMIT %(limit)s
    )

-- name: replay
UPDATE finfleet.outbox
SET state = 'pending', due_at = now(), attempts = 0, error = ''
WHERE state = 'dead' AND (%(outbox_ids)s::bigint[] IS NULL OR outbox_id = ANY (%(outbox_ids)s::bigint[]))

-- name: dead
SELECT
    outbox.outbox_id,
    outbox.destination,
    concat_ws('/', targets.provider, targets.account, targets.region, targets.service) AS target,
    outbox.run_id,
    outbox.number,
    outbox.created_at,
    outbox.attempts,
    outbox.error
FROM finfleet.outbox
INNER JOIN finfleet.targets USING (target_id)
WHERE outbox.state = 'dead'
ORDER BY outbox.outbox_id
LIMIT %(limit)s

-- name: status
SELECT
    destination,
    count(*) FILTER (WHERE state = 'pending') AS pending,
    count(*) FILTER (WHERE state = 'sent') AS sent,
    count(*) FILTER (WHERE state = 'dead') AS dead,
    min(created_at) FILTER (WHERE state = 'pending') AS oldest_pending,
    max(sent_at) AS last_sent,
    (array_agg(error ORDER BY attempts DESC) FILTER (WHERE state = 'pending' AND error <> ''))[1] AS error
FROM finfleet.outbox
GROUP BY destination
ORDER BY destination

-- name: count_waiting
-- Each count is served by an index of its own, which holds nothing else.
SELECT
    destination,
    sum(pending)::bigint AS pending,
    sum(dead)::bigint AS dead
FROM (
    SELECT destination, count(*) AS pending, 0 AS dead FROM finfleet.outbox WHERE state = 'pending' GROUP BY destination
    UNION ALL
    SELECT destination, 0 AS pending, count(*) AS dead FROM finfleet.outbox WHERE state = 'dead' GROUP BY destination
) AS counted
GROUP BY destination
ORDER BY destination

-- name: purge_sent
-- What was sent has the lowest ids, so the search by the primary key ends early.
DELETE FROM finfleet.outbox
WHERE
    outbox_id IN (
        SELECT outbox_id
        FROM finfleet.outbox
        WHERE state = 'sent' AND sent_at < %(before)s
        ORDER BY outbox_id
        LIMIT %(limit)s
    )
