-- The data dictionary: what schema reporting has, as its comments say.

-- name: columns
SELECT c.relname, obj_description(c.oid, 'pg_class'), a.attname, format_type(a.atttypid, a.atttypmod),
       col_description(c.oid, a.attnum)
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = to_regnamespace('reporting') AND c.relkind = 'v'
 ORDER BY c.relname, a.attnum

-- name: functions
SELECT proname, obj_description(oid, 'pg_proc'), pg_get_function_arguments(oid), pg_get_function_result(oid)
  FROM pg_proc
 WHERE pronamespace = to_regnamespace('reporting')
 ORDER BY proname, 3
