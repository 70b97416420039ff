-- Whoever goes back has them made again as they were.
DROP VIEW IF EXISTS reporting.daily_costs, reporting.cost_summaries, reporting.cost_history, reporting.costs,
    reporting.cost_breakdowns CASCADE;
ALTER TABLE finfleet.cost_lines
    DROP COLUMN lines,
    DROP COLUMN service_category,
    DROP COLUMN availability_zone,
    DROP COLUMN invoice_id,
    DROP COLUMN pricing_category,
    DROP COLUMN pricing_quantity,
    DROP COLUMN pricing_unit,
    DROP COLUMN sku_price_id,
    DROP COLUMN commitment_discount_id,
    DROP COLUMN commitment_discount_status,
    DROP COLUMN commitment_discount_type,
    DROP COLUMN details;
