-- The ledger: lost attempts apart from failures, when a window failed first, and why it holds only a part -----------

ALTER TABLE finfleet.collections
    ADD COLUMN lost integer DEFAULT 0 NOT NULL,
    ADD COLUMN failed_since timestamp with time zone,
    ADD COLUMN partial text DEFAULT '' NOT NULL;

COMMENT ON COLUMN reporting.coverage.failed IS
    'Windows given up after the allowed number of failures. They are tried again when their target answers, and ever more rarely for a week; finfleet backfill tries them at once. Of a target that is only measured as it happens they stay.';
COMMENT ON COLUMN reporting.gaps.reason IS
    'never planned: the planner has not run, or a ledger row is gone, and it heals itself. waiting: due, or being collected. denied: and the missing permission. failed: and the last error; it is tried again when the target answers, and finfleet backfill tries at once.';

-- Locks ---------------------------------------------------------------------------------------------------------------
-- Whoever may connect can take any advisory lock of the database; rows of this table only who may write it.

CREATE TABLE finfleet.locks (
    name text NOT NULL,
    CONSTRAINT locks_pkey PRIMARY KEY (name)
);
INSERT INTO finfleet.locks (name) VALUES ('dispatch'), ('partitions');

-- The role that reads: nothing of it lasts for ever -----------------------------------------------------------------
-- A session may change these for itself, and a role that is a member logs in with its own: they are for reports that
-- hang, not against ill will. What finfleet itself waits for is bounded by finfleet's own settings.

DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        EXECUTE format('ALTER ROLE finfleet_reader IN DATABASE %I SET statement_timeout TO ''15min''', current_database());
        EXECUTE format('ALTER ROLE finfleet_reader IN DATABASE %I SET lock_timeout TO ''30s''', current_database());
        EXECUTE format('ALTER ROLE finfleet_reader IN DATABASE %I SET idle_in_transaction_session_timeout TO ''5min''', current_database());
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'role finfleet_reader got no timeouts: % may not alter it. To have them, run as an administrator: ALTER ROLE finfleet_reader SET statement_timeout TO ''15min''; ALTER ROLE finfleet_reader SET lock_timeout TO ''30s''; ALTER ROLE finfleet_reader SET idle_in_transaction_session_timeout TO ''5min'';',
            current_user;
END
$$;
