-- Messages that may be what ended an ingest: how often each was tried alone without coming to an end.

-- name: begin
INSERT INTO finfleet.suspects AS s (body_sha256, tries, tried_at)
VALUES (%(digest)s, 1, %(now)s)
    ON CONFLICT (body_sha256) DO UPDATE
   SET tries = s.tries + 1, tried_at = excluded.tried_at
RETURNING tries

-- name: clear
DELETE FROM finfleet.suspects WHERE body_sha256 = %(digest)s

-- name: forget
DELETE FROM finfleet.suspects WHERE tried_at < %(before)s

-- name: probe
INSERT INTO finfleet.suspects (body_sha256, tries, tried_at) VALUES (''::bytea, 0, now()) ON CONFLICT DO NOTHING
