-- The list prices of the year before some day, as folding has them: a row for each price and type that held. It ends
-- with the month, when the price changes.

INSERT INTO finfleet.rate_intervals
       (resource_id, period, phase, month, start, until, amount, currency, basis, resource_type)
SELECT resource_id, 300, 0, date_trunc('month', min(day), 'UTC')::date, min(day), max(day) + interval '1 day', amount,
       currency, 'on_demand_list', type
  FROM (
           SELECT *,
                  row_number() OVER (PARTITION BY resource_id ORDER BY day)
                      - row_number() OVER (PARTITION BY resource_id, amount, type ORDER BY day) AS island
             FROM (
                      SELECT r.resource_id, n.day, p.amount,
                             CASE r.provider WHEN 'azure' THEN 'EUR' ELSE 'USD' END AS currency,
                             CASE WHEN p.resized THEN '4xlarge' ELSE r.type END AS type
                        FROM finfleet.resources AS r
                       CROSS JOIN generate_series(
                                 date_trunc('day', %(since)s, 'UTC'), %(rates_since)s - interval '1 day', interval '1 day'
                             ) AS n(day)
                       CROSS JOIN LATERAL pg_temp.price(r.resource_id, n.day) AS p
                       WHERE r.last_seen > n.day
                  ) AS daily
       ) AS numbered
 GROUP BY resource_id, amount, currency, type, island
