CREATE FUNCTION reporting.costs_in(
    reporting_currency text,
    since date,
    until date,
    rates_of text DEFAULT ''
)
RETURNS TABLE (
    day date, provider text, account text, sub_account_id text, service_name text, charge_category text,
    billing_currency text, billed_cost numeric, effective_cost numeric, list_cost numeric, contracted_cost numeric,
    reporting_currency text, billed_cost_reporting numeric, effective_cost_reporting numeric,
    list_cost_reporting numeric, contracted_cost_reporting numeric, rate numeric, rate_day date, rate_source text,
    lines bigint, without_rate bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
-- Rates are looked up once for each day, currency and provider.
AS $$
WITH bill AS MATERIALIZED (
    SELECT c.day, c.provider, c.account, c.sub_account_id, c.service_name, c.charge_category, c.billing_currency,
           sum(c.billed_cost) AS billed_cost, sum(c.effective_cost) AS effective_cost, sum(c.list_cost) AS list_cost,
           sum(c.contracted_cost) AS contracted_cost, sum(c.lines)::bigint AS lines
      FROM reporting.cost_summaries AS c
     WHERE c.day >= costs_in.since AND c.day < costs_in.until
     GROUP BY c.day, c.provider, c.account, c.sub_account_id, c.service_name, c.charge_category, c.billing_currency
),
rates AS MATERIALIZED (
    SELECT n.day, n.provider, n.billing_currency, r.rate, r.rate_day, r.rate_source
      FROM (SELECT DISTINCT b.day, b.provider, b.billing_currency FROM bill AS b) AS n
      LEFT JOIN LATERAL reporting.conversion(
               n.day, n.billing_currency, costs_in.reporting_currency, n.provider, costs_in.rates_of
           ) AS r ON true
)
SELECT b.day, b.provider, b.account, b.sub_account_id, b.service_name, b.charge_category, b.billing_currency,
       b.billed_cost, b.effective_cost, b.list_cost, b.contracted_cost, costs_in.reporting_currency,
       b.billed_cost * r.rate, b.effective_cost * r.rate, b.list_cost * r.rate, b.contracted_cost * r.rate,
       r.rate, r.rate_day, r.rate_source, b.lines, CASE WHEN r.rate IS NULL THEN b.lines ELSE 0 END
  FROM bill AS b
  JOIN rates AS r USING (day, provider, billing_currency)
$$;

COMMENT ON FUNCTION reporting.costs_in IS
    'reporting.daily_costs of the days from since to before until, with each amount in reporting_currency beside the'
    ' bill''s own: exact, by the rate of the day that stands in the same row with its day and source'
    ' (reporting.conversion). Where there is no rate the converted amounts are null, which a sum skips:'
    ' sum(without_rate) says of how many lines, and any total with more than 0 of them is not the whole. Round at the'
    ' end only.';
