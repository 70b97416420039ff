-- Rates that were folded are rows again, but for those that a row counts over.

DROP VIEW IF EXISTS reporting.price_changes, reporting.rate_intervals, reporting.cost_per_hour;

DO $$
DECLARE
    day timestamptz;
    partition text;
BEGIN
    FOR day IN SELECT DISTINCT date_trunc('day', start, 'UTC') FROM finfleet.rate_starts LOOP
        partition := format('finfleet.cost_rates_%s', to_char(day AT TIME ZONE 'UTC', 'YYYYMMDD'));
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %s PARTITION OF finfleet.cost_rates FOR VALUES FROM (%L) TO (%L)',
                partition, day, day + interval '24 hours'
            );
        END IF;
    END LOOP;
END
$$;

INSERT INTO finfleet.cost_rates (resource_id, start, period, amount, currency, basis, resource_type)
SELECT i.resource_id, s.start, i.period, i.amount, i.currency, i.basis, i.resource_type
  FROM finfleet.rate_intervals AS i
  JOIN finfleet.rate_starts AS s
    ON s.month = i.month AND s.period = i.period AND s.phase = i.phase AND s.start >= i.start AND s.start < i.until
    ON CONFLICT DO NOTHING;

DROP TABLE finfleet.rate_starts;
DROP TABLE finfleet.rate_intervals;
DELETE FROM finfleet.locks WHERE name = 'rates';
