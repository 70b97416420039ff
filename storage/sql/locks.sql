-- Locks of our own.

-- name: take
SELECT FROM finfleet.locks WHERE name = %(name)s FOR UPDATE

-- name: try_take
SELECT FROM finfleet.locks WHERE name = %(name)s FOR UPDATE SKIP LOCKED

-- name: is_there
SELECT FROM finfleet.locks WHERE name = %(name)s

-- name: make
INSERT INTO finfleet.locks (name) VALUES (%(name)s) ON CONFLICT DO NOTHING
