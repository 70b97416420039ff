-- How complete the bill is of the days that a question is about.

-- name: days
SELECT count(*) FILTER (WHERE d.is_complete), count(*)
  FROM (
        SELECT day, bool_and(is_complete) AS is_complete
          FROM reporting.bill_days
         WHERE {questions_parts.chosen}
         GROUP BY day
       ) AS d

-- name: lacking
SELECT target, state, count(*), min(day), max(day)
  FROM reporting.bill_days
 WHERE {questions_parts.chosen} AND NOT is_complete
 GROUP BY target, state
 ORDER BY count(*) DESC, target, state

-- name: functions
-- Of the functions and operators that a view calls, by the numbers in its tree, those that do more than reckon and read.
SELECT DISTINCT p.oid::regprocedure::text
  FROM pg_rewrite AS r
 CROSS JOIN LATERAL regexp_matches(
           r.ev_action::text, ':(funcid|opfuncid|aggfnoid|winfnoid|opno|opnos) \(?o? ?([0-9 ]+)', 'g'
       ) AS found(parts)
 CROSS JOIN LATERAL regexp_split_to_table(btrim(found.parts[2]), ' +') AS number
  LEFT JOIN pg_operator AS o ON found.parts[1] LIKE 'opno%%' AND o.oid = number::oid
  JOIN pg_proc AS p ON p.oid = coalesce(o.oprcode::oid, number::oid)
 WHERE r.ev_class = to_regclass(%(view)s)
   AND (
           p.pronamespace NOT IN (
               'pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'reporting'::regnamespace
           )
           OR (
               p.provolatile = 'v'
               AND p.proname NOT IN ('random', 'random_normal', 'clock_timestamp', 'timeofday', 'gen_random_uuid')
           )
       )
 ORDER BY 1

-- name: may_become_reader
-- Null where the role is not there.
SELECT pg_has_role(
           current_user, to_regrole('finfleet_reader'),
           CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END
       )

-- name: on_the_bill
-- What a question can be asked about alone.
SELECT DISTINCT provider, account, sub_account_id, billing_currency
  FROM reporting.cost_summaries
 WHERE day >= %(from)s AND day < %(to)s
