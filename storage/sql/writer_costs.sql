-- Lines of costs.

-- name: copy_cost_lines
COPY finfleet.cost_lines (
    run_id, number, line, breakdown, charge_period_start, charge_period_end, billing_currency,
    billed_cost, effective_cost, list_cost, contracted_cost, amounts, charge_category, charge_class, charge_type,
    charge_description, service_name, sub_account_id, sub_account_name, region_id, resource_id, sku_id,
    consumed_quantity, consumed_unit, tags, estimated, billing_period_start, billing_period_end,
    lines, service_category, availability_zone, invoice_id, pricing_category, pricing_quantity, pricing_unit,
    sku_price_id, commitment_discount_id, commitment_discount_status, commitment_discount_type, details
) FROM STDIN

-- name: note_bills
INSERT INTO finfleet.bills (run_id, target_id, window_start)
SELECT *
  FROM unnest(%(run_ids)s::uuid[], %(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(run_id, target_id, window_start)
 ORDER BY run_id
    ON CONFLICT DO NOTHING
