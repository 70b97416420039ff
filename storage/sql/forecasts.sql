-- What forecasts are made of, and what they say.

-- name: costs
-- A cost that some of its lines do not tell is null.
SELECT provider, max(sub_account_id), service_name, billing_currency, day,
       charge_category IN ('Usage', '') AS of_usage,
       CASE WHEN sum(without_effective_cost) = 0 THEN sum(effective_cost) END AS effective_cost,
       CASE WHEN sum(without_billed_cost) = 0 THEN sum(billed_cost) END AS billed_cost
  FROM reporting.cost_summaries
 WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND billing_currency <> ''
 GROUP BY provider, lower(sub_account_id), service_name, billing_currency, day, 6
 ORDER BY day

-- name: team_costs
SELECT provider, max(sub_account_id), team, billing_currency, day,
       charge_category IN ('Usage', '') AS of_usage,
       CASE WHEN NOT bool_or('effective_cost' = ANY(untold)) THEN sum(effective_cost) END AS effective_cost,
       CASE WHEN NOT bool_or('billed_cost' = ANY(untold)) THEN sum(billed_cost) END AS billed_cost
  FROM reporting.allocated_costs
 WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND billing_currency <> ''
 GROUP BY provider, lower(sub_account_id), team, billing_currency, day, 6
 ORDER BY day

-- name: allocated_months
-- Of others nobody knows what is whose.
SELECT month FROM reporting.allocation_months WHERE month >= (%(since)s AT TIME ZONE 'UTC')::date - 31 AND bill_is_current

-- name: seen
SELECT seen, looked_at FROM finfleet.forecast_looks

-- name: begin
SELECT pg_try_advisory_xact_lock(hashtextextended('finfleet.forecasts', 0))

-- name: look
INSERT INTO finfleet.forecast_looks (single, looked_at, seen)
VALUES (true, %(now)s, %(seen)s)
    ON CONFLICT (single) DO UPDATE
   SET looked_at = excluded.looked_at, seen = excluded.seen

-- name: forget
DELETE FROM finfleet.forecasts

-- name: save
INSERT INTO finfleet.forecasts (of, provider, name, billing_currency, month, cost, actual, known_days, expected,
                                expected_days, low, high, method, error, naive_error, tries, left_out, known_until, made_at)
SELECT n.of, n.provider, n.name, n.billing_currency, n.month, n.cost, n.actual, n.known_days, n.expected,
       n.expected_days, n.low, n.high, n.method, n.error, n.naive_error, n.tries, n.left_out, n.known_until, %(now)s
  FROM unnest(%(ofs)s::text[], %(providers)s::text[], %(names)s::text[], %(currencies)s::text[], %(months)s::date[],
              %(costs)s::text[], %(actuals)s::numeric[], %(known_days)s::int[], %(expecteds)s::numeric[],
              %(expected_days)s::int[], %(lows)s::numeric[], %(highs)s::numeric[], %(methods)s::text[],
              %(errors)s::numeric[], %(naive_errors)s::numeric[], %(tries)s::int[], %(left_outs)s::int[], %(known_untils)s::date[])
           AS n(of, provider, name, billing_currency, month, cost, actual, known_days, expected, expected_days, low,
                high, method, error, naive_error, tries, left_out, known_until)

-- name: listing
SELECT * FROM reporting.forecasts
 WHERE of = %(of)s AND month >= %(month)s AND (%(name)s::text IS NULL OR lower(name) = lower(%(name)s))
 ORDER BY month, billing_currency, total_cost DESC NULLS LAST, provider, name
 LIMIT %(limit)s
