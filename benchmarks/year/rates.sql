-- A day of list prices: of each resource every five minutes, as it is collected.

INSERT INTO finfleet.cost_rates (resource_id, start, period, amount, currency, basis, resource_type)
SELECT r.resource_id, to_timestamp(number * 300), 300, r.amount, r.currency, 'on_demand_list', r.type
  FROM (
           SELECT r.resource_id, p.amount,
                  CASE r.provider WHEN 'azure' THEN 'EUR' ELSE 'USD' END AS currency,
                  CASE WHEN p.resized THEN '4xlarge' ELSE r.type END AS type
             FROM finfleet.resources AS r
            CROSS JOIN LATERAL pg_temp.price(r.resource_id, %(day)s) AS p
            WHERE r.last_seen > %(day)s
            ORDER BY r.resource_id
           OFFSET 0
       ) AS r
 CROSS JOIN generate_series(%(first)s::bigint, %(last)s::bigint) AS number
