-- Takes back what 0002_reporting.sql made, and nothing that somebody else put beside it.

DROP VIEW reporting.collection_cost, reporting.cost_per_hour, reporting.resource_metrics, reporting.resources,
          reporting.gaps, reporting.coverage;

DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        ALTER DEFAULT PRIVILEGES IN SCHEMA reporting REVOKE SELECT ON TABLES FROM finfleet_reader;
        REVOKE USAGE ON SCHEMA reporting FROM finfleet_reader;
    END IF;
END
$$;

DO $$
BEGIN
    DROP SCHEMA reporting;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        RAISE NOTICE 'schema reporting stays: it holds what is not of finfleet';
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'schema reporting stays: % may not drop it', current_user;
END
$$;

-- Dropping a role silently ends every membership in it, so members keep it as well as other databases do. Whoever made
-- the role is a member that only may grant it (since Postgres 16, which also tells the options apart), and is none here.
DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        IF EXISTS (
            SELECT
              FROM pg_auth_members AS m
             CROSS JOIN LATERAL jsonb_to_record(to_jsonb(m)) AS option(inherit_option boolean, set_option boolean)
             WHERE m.roleid = to_regrole('finfleet_reader')
               AND (coalesce(option.inherit_option, true) OR coalesce(option.set_option, true))
        ) THEN
            RAISE NOTICE 'role finfleet_reader stays: it has members';
        ELSE
            DROP ROLE finfleet_reader;
        END IF;
    END IF;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        RAISE NOTICE 'role finfleet_reader stays: another database, or another object of this one, uses it';
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'role finfleet_reader stays: % may not drop it', current_user;
    WHEN undefined_object THEN NULL;  -- another database's downgrade was faster
END
$$;
