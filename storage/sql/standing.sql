-- What of the schema is there, and who may use it. By the catalog: a name that our role may not see raises no error there.

-- name: tables
-- Of these names, those that are no table of the schema.
SELECT n.name
  FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, place)
 WHERE NOT EXISTS (
           SELECT
             FROM pg_class AS c
             JOIN pg_namespace AS s ON s.oid = c.relnamespace
            WHERE s.nspname = %(schema)s AND c.relname = n.name AND c.relkind = ANY(%(kinds)s::"char"[])
       )
 ORDER BY n.place

-- name: functions
-- Of these names, those that are no function beside the views. Nothing of the fleet calls one.
SELECT n.name
  FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, place)
 WHERE NOT EXISTS (
           SELECT FROM pg_proc AS p WHERE p.pronamespace = to_regnamespace('reporting') AND p.proname = n.name
       )
 ORDER BY n.place

-- name: rights
-- What our role may not do with tables of the schema.
SELECT c.relname, r.right
  FROM pg_class AS c
  JOIN pg_namespace AS s ON s.oid = c.relnamespace
 CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) WITH ORDINALITY AS r("right", place)
 WHERE s.nspname = %(schema)s AND c.relname = ANY(%(names)s) AND NOT has_table_privilege(c.oid, r.right)
 ORDER BY c.relname, r.place

-- name: not_owned
-- Of these tables, those that our role does not own: only an owner gives them new partitions.
SELECT c.relname
  FROM pg_class AS c
  JOIN pg_namespace AS s ON s.oid = c.relnamespace
 WHERE s.nspname = %(schema)s AND c.relname = ANY(%(names)s) AND NOT pg_has_role(c.relowner, 'USAGE')
 ORDER BY c.relname

-- name: may_create
-- Whether our role may make tables in the schema.
SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %(schema)s

-- name: reader
-- Whether the role that reads is there, and may use the schema of the views.
SELECT to_regrole('finfleet_reader') IS NOT NULL,
       coalesce(has_schema_privilege(to_regrole('finfleet_reader'), to_regnamespace('reporting'), 'USAGE'), false)

-- name: unread
-- Of these views, those that the role that reads may not read.
SELECT c.relname
  FROM pg_class AS c
 WHERE c.relnamespace = to_regnamespace('reporting')
   AND c.relname = ANY(%(names)s)
   AND NOT has_table_privilege(to_regrole('finfleet_reader'), c.oid, 'SELECT')
 ORDER BY c.relname
