-- Exchange rates.

-- name: make
CREATE TEMPORARY TABLE new_rates (day date, base text, quote text, rate numeric, valid_until date) ON COMMIT DROP

-- name: copy
COPY new_rates (day, base, quote, rate, valid_until) FROM STDIN

-- name: replace
-- Two that load the same at once: the second one waits for the first, and finds it there.
WITH corrected AS (
    UPDATE finfleet.exchange_rates AS r
       SET replaced_at = greatest(%(now)s, r.loaded_at + interval '1 microsecond')
      FROM new_rates AS n
     WHERE r.source = %(source)s
       AND (r.day, r.base, r.quote) = (n.day, n.base, n.quote)
       AND r.replaced_at IS NULL
       AND (r.rate <> n.rate OR r.valid_until <> n.valid_until)
 RETURNING r.day, r.base, r.quote, r.replaced_at
),
added AS (
    INSERT INTO finfleet.exchange_rates (source, day, base, quote, loaded_at, rate, valid_until)
    SELECT %(source)s, n.day, n.base, n.quote, coalesce(c.replaced_at, %(now)s), n.rate, n.valid_until
      FROM new_rates AS n
      LEFT JOIN corrected AS c USING (day, base, quote)
     WHERE c.day IS NOT NULL
        OR NOT EXISTS (
               SELECT
                 FROM finfleet.exchange_rates AS r
                WHERE r.source = %(source)s
                  AND (r.day, r.base, r.quote) = (n.day, n.base, n.quote)
                  AND r.replaced_at IS NULL
           )
 RETURNING day
)
SELECT (SELECT count(*) FROM added) - (SELECT count(*) FROM corrected), (SELECT count(*) FROM corrected)

-- name: pairs
SELECT source, base, quote, count(*) FILTER (WHERE replaced_at IS NULL), min(day), max(day),
       (array_agg(rate ORDER BY day DESC, loaded_at DESC))[1], count(*) FILTER (WHERE replaced_at IS NOT NULL)
  FROM finfleet.exchange_rates
 GROUP BY source, base, quote
 ORDER BY source, base, quote

-- name: missing
SELECT b.provider, b.billing_currency, count(*), min(b.day), max(b.day)
  FROM (
        SELECT DISTINCT day, provider, billing_currency
          FROM reporting.cost_summaries
         WHERE day >= coalesce(%(since)s::date, '-infinity')
       ) AS b
 WHERE NOT EXISTS (SELECT FROM reporting.conversion(b.day, b.billing_currency, %(into)s, b.provider))
 GROUP BY b.provider, b.billing_currency
 ORDER BY b.provider, b.billing_currency

-- name: of_bills
-- By the columns that bills have: Azure's of FOCUS, of its own exports, and Google's. Each is of the currency of prices in
-- that of the bill; Google's of dollars. Where two lines of a day say two rates, neither is the rate of the day.
SELECT provider, day, base, billing_currency, min(rate)
  FROM (
        SELECT c.provider, (c.charge_period_start AT TIME ZONE 'UTC')::date AS day, c.billing_currency,
               coalesce(c.details ->> 'PricingCurrency', c.details ->> 'pricingCurrency',
                        c.details ->> 'x_PricingCurrency',
                        CASE WHEN c.details ? 'currency_conversion_rate' THEN 'USD' END) AS base,
               CASE WHEN e.told ~ '^[0-9]{1,20}(\.[0-9]{1,40})?$' THEN e.told::numeric END AS rate
          FROM reporting.costs AS c
         CROSS JOIN LATERAL (
                   SELECT coalesce(c.details ->> 'x_BillingExchangeRate',
                                   c.details ->> 'ExchangeRatePricingToBilling',
                                   c.details ->> 'currency_conversion_rate') AS told
               ) AS e
         WHERE c.charge_period_start >= %(start)s::date::timestamp AT TIME ZONE 'UTC'
           AND c.charge_period_start < %(end)s::date::timestamp AT TIME ZONE 'UTC'
           AND e.told IS NOT NULL
       ) AS r
 WHERE rate > 0 AND base ~ '^[A-Z]{3}$' AND billing_currency ~ '^[A-Z]{3}$' AND base <> billing_currency
 GROUP BY provider, day, base, billing_currency
HAVING min(rate) = max(rate) AND min(rate) BETWEEN 1e-15 AND 1e15
 ORDER BY provider, day, base, billing_currency
