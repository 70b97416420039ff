-- Columns without a value: no row is written, however many there are.

ALTER TABLE finfleet.resources ADD COLUMN described_at timestamptz;

ALTER TABLE finfleet.cost_lines
    ADD COLUMN billing_period_start timestamptz,
    ADD COLUMN billing_period_end timestamptz;
