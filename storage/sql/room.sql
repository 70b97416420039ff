-- Whether there is room.

-- name: probe
-- With an id of its own, so that none is used up.
INSERT INTO finfleet.dead_letters (dead_letter_id, body_sha256, body, reason_code, reason)
OVERRIDING SYSTEM VALUE
VALUES (%(number)s, %(digest)s, %(body)s, 'probe', '')
