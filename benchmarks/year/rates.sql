-- A day of list prices: of each resource every five minutes, as it is collected. A price changes at the turn of a month,
-- and one resource in ten is resized every week.

INSERT INTO finfleet.cost_rates (resource_id, start, period, amount, currency, basis, resource_type)
SELECT r.resource_id, to_timestamp(number * 300), 300, r.amount, r.currency, 'on_demand_list', r.type
  FROM (
           SELECT r.resource_id,
                  (1 + r.resource_id %% 9 + d.resized) * 0.0125
                      + extract(month FROM %(day)s AT TIME ZONE 'UTC') * 0.0001 AS amount,
                  CASE r.provider WHEN 'azure' THEN 'EUR' ELSE 'USD' END AS currency,
                  CASE WHEN d.resized %% 2 = 1 THEN '4xlarge' ELSE r.type END AS type
             FROM finfleet.resources AS r
            CROSS JOIN LATERAL (
                      SELECT CASE WHEN r.resource_id %% 10 = 0 THEN %(first)s::bigint / 2016 %% 5 ELSE 0 END AS resized
                  ) AS d
            WHERE r.last_seen > %(day)s
            ORDER BY r.resource_id
           OFFSET 0
       ) AS r
 CROSS JOIN generate_series(%(first)s::bigint, %(last)s::bigint) AS number
