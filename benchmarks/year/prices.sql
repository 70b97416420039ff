-- What a resource costs on a day. A price changes at the turn of a month, and one resource in ten is resized every week.

CREATE OR REPLACE FUNCTION pg_temp.price(resource_id int, day timestamptz, OUT amount numeric, OUT resized boolean)
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (1 + resource_id % 9 + times) * 0.0125 + extract(month FROM day AT TIME ZONE 'UTC') * 0.0001, times % 2 = 1
      FROM (
               SELECT CASE WHEN resource_id % 10 = 0 THEN date_part('epoch', day)::bigint / 604800 % 5 ELSE 0 END AS times
           ) AS t
$$
