CREATE FUNCTION reporting.costs_as_of(
    known_at timestamp with time zone,
    since timestamp with time zone DEFAULT '-infinity',
    until timestamp with time zone DEFAULT 'infinity'
)
RETURNS TABLE (
    provider text, account text, charge_period_start timestamp with time zone,
    charge_period_end timestamp with time zone, billing_currency text, billed_cost numeric, effective_cost numeric,
    list_cost numeric, contracted_cost numeric, charge_category text, charge_class text, charge_type text,
    charge_description text, service_name text, sub_account_id text, sub_account_name text, region_id text,
    resource_id text, sku_id text, consumed_quantity numeric, consumed_unit text, tags jsonb, amounts jsonb,
    estimated boolean, collected_at timestamp with time zone, run_id uuid,
    billing_period_start timestamp with time zone, billing_period_end timestamp with time zone,
    lines bigint, service_category text, availability_zone text, invoice_id text, pricing_category text,
    pricing_quantity numeric, pricing_unit text, sku_price_id text, commitment_discount_id text,
    commitment_discount_status text, commitment_discount_type text, details jsonb, kept text
)
LANGUAGE sql STABLE PARALLEL SAFE
-- One statement of parameters that do not change is put in the place of the call, so conditions of whoever asks lead to
-- the lines. Versions are told apart before anything is looked up for a line.
AS $$
SELECT v.provider, v.account, v.charge_period_start, v.charge_period_end, v.billing_currency, v.billed_cost,
       v.effective_cost, v.list_cost, v.contracted_cost, v.charge_category, v.charge_class, v.charge_type,
       v.charge_description, v.service_name, v.sub_account_id, v.sub_account_name, v.region_id, v.resource_id,
       v.sku_id, v.consumed_quantity, v.consumed_unit, v.tags, v.amounts, v.estimated, v.collected_at, v.run_id,
       v.billing_period_start, v.billing_period_end, v.lines, v.service_category, v.availability_zone, v.invoice_id,
       v.pricing_category, v.pricing_quantity, v.pricing_unit, v.sku_price_id, v.commitment_discount_id,
       v.commitment_discount_status, v.commitment_discount_type, v.details, v.kept
  FROM reporting.cost_versions AS v
 WHERE v.known_from <= known_at
   AND (v.known_until > known_at OR v.known_until IS NULL)
   AND v.counted @> known_at
   AND (v.first_day <= (until AT TIME ZONE 'UTC')::date AND v.last_day >= (since AT TIME ZONE 'UTC')::date
        OR v.first_day IS NULL)
   AND v.charge_period_start >= since
   AND v.charge_period_start < until
$$;

COMMENT ON FUNCTION reporting.costs_as_of IS
    'reporting.costs as it was known at a time: of each window the version that was its bill then, without what did not'
    ' count then since another target''s bill did. Column kept says what a row is of: lines, or, where those are not'
    ' kept any more, summaries by day and service, or totals by service of a window. Name since and until, of'
    ' charge_period_start: they lead to the lines.';
