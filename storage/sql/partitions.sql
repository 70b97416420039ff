-- A partition for each day, month or year. Made apart and then attached: that locks out nobody who writes, as
-- CREATE ... PARTITION OF would.

-- name: list
SELECT c.relname
  FROM pg_catalog.pg_inherits AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = ANY(%(tables)s::regclass[])

-- name: create
CREATE TABLE IF NOT EXISTS {partition} (LIKE {parent} INCLUDING ALL)

-- name: attach
ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({end})
