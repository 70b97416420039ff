-- What files of bills tell of a charge beyond what the APIs do. Constant defaults: no row is written anew.
ALTER TABLE finfleet.cost_lines
    ADD COLUMN lines integer DEFAULT 1 NOT NULL,
    ADD COLUMN service_category text DEFAULT '' NOT NULL,
    ADD COLUMN availability_zone text DEFAULT '' NOT NULL,
    ADD COLUMN invoice_id text DEFAULT '' NOT NULL,
    ADD COLUMN pricing_category text DEFAULT '' NOT NULL,
    ADD COLUMN pricing_quantity numeric,
    ADD COLUMN pricing_unit text DEFAULT '' NOT NULL,
    ADD COLUMN sku_price_id text DEFAULT '' NOT NULL,
    ADD COLUMN commitment_discount_id text DEFAULT '' NOT NULL,
    ADD COLUMN commitment_discount_status text DEFAULT '' NOT NULL,
    ADD COLUMN commitment_discount_type text DEFAULT '' NOT NULL,
    ADD COLUMN details jsonb DEFAULT '{}'::jsonb NOT NULL;
