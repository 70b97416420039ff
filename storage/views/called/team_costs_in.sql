CREATE FUNCTION reporting.team_costs_in(
    reporting_currency text,
    since date,
    until date,
    rates_of text DEFAULT ''
)
RETURNS TABLE (
    month date, day date, team text, application text, cost_center text, owners jsonb, provider text,
    service_name text, charge_category text, billing_currency text, billed_cost numeric, effective_cost numeric,
    reporting_currency text, billed_cost_reporting numeric, effective_cost_reporting numeric, rate numeric,
    rate_day date, rate_source text, without_rate bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH bill AS MATERIALIZED (
    SELECT a.month, a.day, a.team, a.application, a.cost_center, a.owners, a.provider, a.service_name,
           a.charge_category, a.billing_currency, sum(a.billed_cost) AS billed_cost,
           sum(a.effective_cost) AS effective_cost, count(*) AS rows
      FROM reporting.allocated_costs AS a
     WHERE a.day >= team_costs_in.since AND a.day < team_costs_in.until
     GROUP BY a.month, a.day, a.team, a.application, a.cost_center, a.owners, a.provider, a.service_name,
              a.charge_category, a.billing_currency
),
rates AS MATERIALIZED (
    SELECT n.day, n.provider, n.billing_currency, r.rate, r.rate_day, r.rate_source
      FROM (SELECT DISTINCT b.day, b.provider, b.billing_currency FROM bill AS b) AS n
      LEFT JOIN LATERAL reporting.conversion(
               n.day, n.billing_currency, team_costs_in.reporting_currency, n.provider, team_costs_in.rates_of
           ) AS r ON true
)
SELECT b.month, b.day, b.team, b.application, b.cost_center, b.owners, b.provider, b.service_name, b.charge_category,
       b.billing_currency, b.billed_cost, b.effective_cost, team_costs_in.reporting_currency, b.billed_cost * r.rate,
       b.effective_cost * r.rate, r.rate, r.rate_day, r.rate_source, CASE WHEN r.rate IS NULL THEN b.rows ELSE 0 END
  FROM bill AS b
  JOIN rates AS r USING (day, provider, billing_currency)
$$;

COMMENT ON FUNCTION reporting.team_costs_in IS
    'reporting.allocated_costs of the days from since to before until, by owner, service, category and currency, with'
    ' each amount in reporting_currency beside the bill''s own, as in reporting.costs_in. A total with more than 0 of'
    ' sum(without_rate) is not the whole.';
