-- Takes back what 0004_outages.sql made.

DROP TABLE finfleet.locks;
ALTER TABLE finfleet.collections DROP COLUMN lost, DROP COLUMN failed_since, DROP COLUMN partial;

COMMENT ON COLUMN reporting.coverage.failed IS 'Windows given up after the allowed number of attempts; finfleet backfill tries them again.';
COMMENT ON COLUMN reporting.gaps.reason IS
    'never planned: the planner has not run, or a ledger row is gone, and it heals itself. waiting: due, or being collected. denied: and the missing permission. failed: and the last error; finfleet backfill tries again.';

DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        EXECUTE format('ALTER ROLE finfleet_reader IN DATABASE %I RESET statement_timeout', current_database());
        EXECUTE format('ALTER ROLE finfleet_reader IN DATABASE %I RESET lock_timeout', current_database());
        EXECUTE format('ALTER ROLE finfleet_reader IN DATABASE %I RESET idle_in_transaction_session_timeout', current_database());
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;  -- nor could it set them
END
$$;
