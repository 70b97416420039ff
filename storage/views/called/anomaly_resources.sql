CREATE FUNCTION reporting.anomaly_resources(
    anomaly uuid
)
RETURNS TABLE (
    service_name text, resource_id text, cost numeric, usual_cost numeric, difference numeric
)
LANGUAGE sql STABLE
AS $$
WITH one AS (
    SELECT a.provider, a.sub_account_id, a.billing_currency, a.first_day, s.service_name, s.cost, s.last_day,
           s.last_day - a.first_day + 1 AS days
      FROM reporting.anomalies AS a
     CROSS JOIN LATERAL jsonb_to_recordset(a.services) AS s(service_name text, cost text, last_day date)
     WHERE a.anomaly_id = anomaly
),
span AS (
    SELECT min(first_day)::timestamp AT TIME ZONE 'UTC' AS first, (max(last_day) + 1)::timestamp AT TIME ZONE 'UTC' AS last
      FROM one
),
lines AS (
    SELECT one.service_name, c.resource_id, (c.charge_period_start AT TIME ZONE 'UTC')::date >= one.first_day AS during,
           one.days, CASE WHEN one.cost = 'billed_cost' THEN c.billed_cost ELSE c.effective_cost END AS cost
      FROM reporting.costs AS c
      JOIN one
        ON one.provider = c.provider
       AND lower(one.sub_account_id) = lower(c.sub_account_id)
       AND one.service_name = c.service_name
       AND one.billing_currency = c.billing_currency
     WHERE c.charge_period_start >= (SELECT first - interval '28 days' FROM span)
       AND c.charge_period_start < (SELECT last FROM span)
       AND c.charge_category IN ('Usage', '')
       AND (c.charge_period_start AT TIME ZONE 'UTC')::date BETWEEN one.first_day - 28 AND one.last_day
)
SELECT l.service_name, l.resource_id, s.cost, s.usual_cost, s.cost - s.usual_cost
  FROM (
        SELECT service_name, resource_id,
               coalesce(sum(cost) FILTER (WHERE during), 0) AS cost,
               round(coalesce(sum(cost) FILTER (WHERE NOT during), 0) * max(days) / 28, 6) AS usual_cost
          FROM lines
         GROUP BY service_name, resource_id
       ) AS s
 CROSS JOIN LATERAL (SELECT s.service_name, s.resource_id) AS l
 ORDER BY abs(s.cost - s.usual_cost) DESC, l.service_name, l.resource_id
$$;

COMMENT ON FUNCTION reporting.anomaly_resources IS
    'What the resources of an anomaly of reporting.anomalies cost on its days, and what they would have cost by the'
    ' mean of the 28 days before; the greatest difference first. A resource_id is empty where the bill names none.';
