CREATE FUNCTION reporting.conversion(
    on_day date,
    from_currency text,
    to_currency text,
    of_provider text DEFAULT '',
    rates_of text DEFAULT ''
)
RETURNS TABLE (rate numeric, rate_day date, rate_source text)
LANGUAGE sql STABLE PARALLEL SAFE
-- A way from one currency to the other is one rate, either way round, or two by way of a third, of one source and one
-- day: the newest day of which both are published and still valid. A quotient has 20 digits behind the point, or as
-- many more as it takes to have 20 that count.
AS $$
SELECT 1::numeric, on_day, 'same currency'::text WHERE from_currency = to_currency
UNION ALL
(
    WITH legs AS MATERIALIZED (
        SELECT r.source, r.base, r.quote, r.day, r.rate
          FROM reporting.exchange_rates AS r
         WHERE r.known_until IS NULL
           AND daterange(r.day, r.valid_until) @> on_day
           AND from_currency <> to_currency
           AND (from_currency IN (r.base, r.quote) OR to_currency IN (r.base, r.quote))
           AND (rates_of = '' OR r.source = rates_of)
           AND (r.source NOT LIKE 'bill/%' OR r.source = 'bill/' || of_provider)
    ),
    turned AS MATERIALIZED (
        SELECT source, day, base AS here, quote AS there, rate AS times, 1::numeric AS parts FROM legs
        UNION ALL
        SELECT source, day, quote, base, 1, rate FROM legs
    ),
    ways AS (
        SELECT source, day, times, parts, 1 AS steps
          FROM turned
         WHERE here = from_currency AND there = to_currency
        UNION ALL
        SELECT source, day, a.times * b.times, a.parts * b.parts, 2
          FROM turned AS a
          JOIN turned AS b USING (source, day)
         WHERE a.here = from_currency AND b.there = to_currency AND a.there = b.here
           AND a.there NOT IN (from_currency, to_currency)
    ),
    best AS (
        SELECT *, round(times, scale(times) + length(trunc(parts)::text) + 40) / parts AS quotient
          FROM ways
         ORDER BY source LIKE 'bill/%' DESC, source = 'ecb', source, steps, day DESC, times / parts
         LIMIT 1
    )
    SELECT CASE WHEN parts = 1 THEN times ELSE round(quotient, greatest(20, 19 - floor(log(quotient))::int)) END,
           day, source
      FROM best
)
$$;

COMMENT ON FUNCTION reporting.conversion IS
    'What one unit of from_currency was worth in to_currency on a day: the rate of that day, or the last one before'
    ' that is still valid (weekends, holidays), with its day and source; by way of a third currency, as the euro,'
    ' where the source has no other: by two rates of one day. No row: unknown. Where several sources have one: that of'
    ' the bills of of_provider, then what somebody has loaded himself, then the ECB''s; rates_of names one alone.';
