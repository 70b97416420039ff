-- What there is of the views of schema reporting.

-- name: definition
-- Null where there is none.
SELECT pg_get_viewdef(to_regclass(%(view)s))

-- name: comments
-- Of a view, under the empty name, and of each of its columns.
SELECT '', obj_description(to_regclass(%(view)s), 'pg_class')
UNION ALL
SELECT attname, col_description(attrelid, attnum)
  FROM pg_attribute
 WHERE attrelid = to_regclass(%(view)s) AND attnum > 0 AND NOT attisdropped

-- name: readers
-- A view, and every view that reads it, or reads one that does.
WITH RECURSIVE readers (view) AS (
    SELECT to_regclass(%(view)s)::oid
    UNION
    SELECT r.ev_class
      FROM readers
      JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = readers.view
      JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
)
SELECT view::regclass::text FROM readers

-- name: grants
-- What a view grants to others than its owner, as statements that grant it again.
SELECT c.relname,
       concat('GRANT ', acl.privilege_type, ' ON ', c.oid::regclass,
              ' TO ', CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
              CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' END)
  FROM pg_class AS c
 CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
 WHERE c.relnamespace = 'reporting'::regnamespace AND c.relkind = 'v' AND acl.grantee <> c.relowner

-- name: has_reader
SELECT to_regrole('finfleet_reader') IS NOT NULL

-- name: functions
-- Of each function of a name its arguments and result, its definition as that of one of schema reporting, and its
-- comment.
SELECT pg_get_function_identity_arguments(oid), pg_get_function_arguments(oid), pg_get_function_result(oid),
       replace(pg_get_functiondef(oid), concat(' FUNCTION ', %(schema)s::text, '.'), ' FUNCTION reporting.'),
       obj_description(oid, 'pg_proc')
  FROM pg_proc
 WHERE pronamespace = to_regnamespace(%(schema)s) AND proname = %(name)s AND prokind = 'f'
 ORDER BY 1
