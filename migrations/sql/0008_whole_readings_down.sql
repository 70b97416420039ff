-- Takes back what 0008_whole_readings.sql made.

ALTER TABLE finfleet.cost_lines
    DROP COLUMN billing_period_start,
    DROP COLUMN billing_period_end;

ALTER TABLE finfleet.resources DROP COLUMN described_at;
