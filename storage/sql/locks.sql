-- Locks of our own.

-- name: take
SELECT FROM finfleet.locks WHERE name = %(name)s FOR UPDATE

-- name: make
INSERT INTO finfleet.locks (name) VALUES (%(name)s) ON CONFLICT DO NOTHING
