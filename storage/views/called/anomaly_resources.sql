CREATE FUNCTION reporting.anomaly_resources(
    anomaly uuid
)
RETURNS TABLE (
    service_name text, resource_id text, cost numeric, usual_cost numeric, difference numeric
)
LANGUAGE sql STABLE
AS $$
WITH one AS (
    SELECT a.provider, a.sub_account_id, a.billing_currency, a.first_day, s.service_name, s.cost, s.days
      FROM reporting.anomalies AS a
     CROSS JOIN LATERAL jsonb_to_recordset(a.services) AS s(service_name text, cost text, days date[])
     WHERE a.anomaly_id = anomaly
),
span AS (
    SELECT min(first_day - 28)::timestamp AT TIME ZONE 'UTC' AS first,
           (max(day) + 1)::timestamp AT TIME ZONE 'UTC' AS last
      FROM one
     CROSS JOIN LATERAL unnest(days) AS day
),
lines AS MATERIALIZED (
    SELECT c.provider, c.sub_account_id, c.billing_currency, c.service_name, c.resource_id, c.charge_category,
           (c.charge_period_start AT TIME ZONE 'UTC')::date AS day, c.billed_cost, c.effective_cost
      FROM reporting.costs AS c
     WHERE c.charge_period_start >= (SELECT first FROM span)
       AND c.charge_period_start < (SELECT last FROM span)
       AND (c.provider, lower(c.sub_account_id)) IN (SELECT provider, lower(sub_account_id) FROM one)
),
before AS (
    -- Days on which the account has any charge: of the others nobody knows.
    SELECT count(DISTINCT l.day) AS days FROM lines AS l WHERE l.day < (SELECT min(first_day) FROM one)
),
costs AS (
    SELECT one.service_name, l.resource_id, l.day = ANY(one.days) AS during, cardinality(one.days) AS days,
           CASE WHEN one.cost = 'billed_cost' THEN l.billed_cost ELSE l.effective_cost END AS cost
      FROM one
      JOIN lines AS l
        ON l.service_name = one.service_name
       AND l.billing_currency = one.billing_currency
       AND (l.day = ANY(one.days) OR l.day < one.first_day)
     WHERE l.charge_category IN ('Usage', '')
)
SELECT s.service_name, s.resource_id, s.cost, s.usual_cost, s.cost - s.usual_cost
  FROM (
        SELECT c.service_name, c.resource_id,
               coalesce(sum(c.cost) FILTER (WHERE c.during), 0) AS cost,
               round(coalesce(sum(c.cost) FILTER (WHERE NOT c.during), 0) * max(c.days)
                     / nullif((SELECT days FROM before), 0), 6) AS usual_cost
          FROM costs AS c
         GROUP BY c.service_name, c.resource_id
       ) AS s
 ORDER BY abs(s.cost - coalesce(s.usual_cost, 0)) DESC, s.service_name, s.resource_id
$$;

COMMENT ON FUNCTION reporting.anomaly_resources IS
    'What the resources of an anomaly of reporting.anomalies cost on its days, and what they would have cost by the'
    ' mean of the days with charges among the 28 before; the greatest difference first. A resource_id is empty where'
    ' the bill names none.';
