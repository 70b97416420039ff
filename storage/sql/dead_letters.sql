-- Messages that could not be taken in, with the reason.

-- name: dead_letter
-- One that was replayed and comes again is waiting again.
INSERT INTO finfleet.dead_letters AS d (body_sha256, body, reason_code, reason, first_seen, last_seen, times)
SELECT n.body_sha256, n.body, n.reason_code, n.reason, %(now)s, %(now)s, n.times
  FROM unnest(%(hashes)b::bytea[], %(bodies)b::bytea[], %(codes)s::text[], %(reasons)s::text[], %(times)s::int[])
           AS n(body_sha256, body, reason_code, reason, times)
 ORDER BY n.body_sha256
    ON CONFLICT (body_sha256) DO UPDATE
   SET reason_code = excluded.reason_code,
       reason = excluded.reason,
       last_seen = greatest(d.last_seen, excluded.last_seen),
       times = d.times + excluded.times,
       replayed_at = NULL

-- name: listing
SELECT dead_letter_id, reason_code, reason, first_seen, last_seen, times, length(body) AS size, replayed_at,
       substr(body, 1, %(beginning)s) AS beginning
  FROM finfleet.dead_letters
 WHERE %(replayed)s OR replayed_at IS NULL
 ORDER BY dead_letter_id DESC
 LIMIT %(limit)s

-- name: get
SELECT dead_letter_id, reason_code, reason, first_seen, last_seen, times, length(body) AS size, replayed_at, body
  FROM finfleet.dead_letters
 WHERE dead_letter_id = %(dead_letter_id)s

-- name: count_waiting
SELECT count(*) FROM finfleet.dead_letters WHERE replayed_at IS NULL

-- name: mark_replayed
-- Only where it has not come back since it was read: each dead letter counts it.
UPDATE finfleet.dead_letters
   SET replayed_at = %(now)s
 WHERE dead_letter_id = %(dead_letter_id)s
   AND times = %(times)s

-- name: drop
DELETE FROM finfleet.dead_letters WHERE dead_letter_id = ANY(%(ids)s::bigint[])
