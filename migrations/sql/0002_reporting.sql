-- Schema reporting: the views that people and their tools read. They stay as they are when the tables change.
-- All times are timestamptz; days are days of UTC, whatever the time zone of the session.

-- Not IF NOT EXISTS: that asks for the right to make schemas, also where an administrator has made this one.
DO $$
BEGIN
    IF to_regnamespace('reporting') IS NULL THEN
        CREATE SCHEMA reporting;
    END IF;
    IF pg_has_role((SELECT nspowner FROM pg_namespace WHERE nspname = 'reporting'), 'USAGE') THEN
        COMMENT ON SCHEMA reporting IS
            'What finfleet collected, and how completely: views for people who write SQL. Read-only; role finfleet_reader sees only this.';
    END IF;
END
$$;

-- Coverage: a row for each target and day --------------------------------------------------------------------------

CREATE VIEW reporting.coverage AS
WITH windows AS (
    SELECT target_id,
           (window_start AT TIME ZONE 'UTC')::date AS day,
           -- A window that is being read again keeps what it has meanwhile.
           CASE
               WHEN state NOT IN ('planned', 'dispatched') THEN state
               WHEN records > 0 THEN 'complete'
               WHEN records = 0 THEN 'empty'
               ELSE 'waiting'
           END AS state,
           state IN ('planned', 'dispatched') AND records IS NOT NULL AS refreshing
      FROM finfleet.collections
),
days AS (
    SELECT target_id, day,
           count(*) AS planned,
           count(*) FILTER (WHERE state = 'complete') AS complete,
           count(*) FILTER (WHERE state = 'empty') AS empty,
           count(*) FILTER (WHERE state = 'denied') AS denied,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE refreshing) AS refreshing
      FROM windows
     GROUP BY target_id, day
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled,
       d.day, d.planned, d.complete, d.empty, d.denied, d.failed, d.waiting, d.refreshing,
       trunc(100.0 * (d.planned - d.waiting) / d.planned, 2) AS percent_settled,
       trunc(100.0 * (d.complete + d.empty) / d.planned, 2) AS percent_covered
  FROM days AS d
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON VIEW reporting.coverage IS
    'Per target and day: how many windows the ledger planned, and how they ended. A day without a row has no planned window; see reporting.gaps for time that was owed and never planned. Time in which a target was not configured is not owed and counts nowhere.';
COMMENT ON COLUMN reporting.coverage.target IS 'The target as one text: provider/account/region/service.';
COMMENT ON COLUMN reporting.coverage.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.coverage.account IS 'The account by its name in the configuration, which is not the provider''s account id.';
COMMENT ON COLUMN reporting.coverage.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.coverage.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.coverage.enabled IS 'Whether the target is configured now. Of one that is not, nothing new is collected.';
COMMENT ON COLUMN reporting.coverage.day IS 'Day in UTC on which the windows begin.';
COMMENT ON COLUMN reporting.coverage.planned IS 'Windows in the ledger: the sum of complete, empty, denied, failed and waiting.';
COMMENT ON COLUMN reporting.coverage.complete IS 'Windows of which every record of one collection is stored.';
COMMENT ON COLUMN reporting.coverage.empty IS 'Windows for which the provider answered that there is nothing. Not the same as missing.';
COMMENT ON COLUMN reporting.coverage.denied IS 'Windows that a missing permission kept from being collected.';
COMMENT ON COLUMN reporting.coverage.failed IS 'Windows given up after the allowed number of attempts; finfleet backfill tries them again.';
COMMENT ON COLUMN reporting.coverage.waiting IS 'Windows that are due, or being collected for the first time.';
COMMENT ON COLUMN reporting.coverage.refreshing IS 'Of the complete and empty windows, those that are being read again.';
COMMENT ON COLUMN reporting.coverage.percent_settled IS 'Share of planned windows that ended in any way, in percent, rounded down to two digits.';
COMMENT ON COLUMN reporting.coverage.percent_covered IS 'Share of planned windows that are complete or empty, in percent, rounded down to two digits.';

-- Gaps: time that is owed and not covered ---------------------------------------------------------------------------

CREATE VIEW reporting.gaps AS
WITH covered AS (
    SELECT target_id, range_agg(tstzrange(window_start, window_end)) AS ranges
      FROM finfleet.collections
     GROUP BY target_id
),
paused AS (
    SELECT target_id, range_agg(tstzrange(paused_from, paused_until)) AS ranges
      FROM finfleet.pauses
     GROUP BY target_id
),
never_planned AS (
    SELECT t.target_id, lower(gap) AS gap_start, upper(gap) AS gap_end, 'never planned' AS reason
      FROM finfleet.targets AS t
      LEFT JOIN covered USING (target_id)
      LEFT JOIN paused USING (target_id)
     CROSS JOIN LATERAL unnest(
               tstzmultirange(
                   tstzrange(
                       t.enabled_since,
                       -- The last window that has closed, planned or not.
                       greatest(
                           t.planned_until,
                           date_bin(
                               make_interval(secs => t.interval_seconds),
                               now() - make_interval(secs => t.delay_seconds),
                               timestamptz '1970-01-01 00:00:00+00'
                           )
                       )
                   )
               )
               - coalesce(covered.ranges, '{}') - coalesce(paused.ranges, '{}')
           ) AS gap
),
not_collected AS (
    SELECT target_id, window_start, window_end,
           CASE state
               WHEN 'denied' THEN 'denied: ' || coalesce(nullif(permission, ''), nullif(error, ''), 'reason unknown')
               WHEN 'failed' THEN 'failed: ' || coalesce(nullif(error, ''), 'reason unknown')
               ELSE 'waiting'
           END AS reason
      FROM finfleet.collections
     WHERE state IN ('denied', 'failed')
        OR (state IN ('planned', 'dispatched') AND records IS NULL)
),
-- Neighbours with the same reason become one gap.
marked AS (
    SELECT *,
           (lag(window_end) OVER own, lag(reason) OVER own) IS DISTINCT FROM (window_start, reason) AS begins
      FROM not_collected
    WINDOW own AS (PARTITION BY target_id ORDER BY window_start)
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY target_id ORDER BY window_start) AS island
      FROM marked
),
gaps AS (
    SELECT * FROM never_planned
    UNION ALL
    SELECT target_id, min(window_start), max(window_end), min(reason) FROM numbered GROUP BY target_id, island
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled,
       g.gap_start, g.gap_end, g.reason
  FROM gaps AS g
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON VIEW reporting.gaps IS
    'Time of each target that is owed and not covered by a complete or empty window, and why. Without a row, everything that has closed is collected. The newest window is a gap for the moments until it is collected.';
COMMENT ON COLUMN reporting.gaps.target IS 'The target as one text: provider/account/region/service.';
COMMENT ON COLUMN reporting.gaps.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.gaps.account IS 'The account by its name in the configuration, which is not the provider''s account id.';
COMMENT ON COLUMN reporting.gaps.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.gaps.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.gaps.enabled IS 'Whether the target is configured now. Gaps of one that is not are left until it is configured again.';
COMMENT ON COLUMN reporting.gaps.gap_start IS 'UTC. The gap begins here, this moment included.';
COMMENT ON COLUMN reporting.gaps.gap_end IS 'UTC. The gap ends here, this moment excluded.';
COMMENT ON COLUMN reporting.gaps.reason IS
    'never planned: the planner has not run, or a ledger row is gone, and it heals itself. waiting: due, or being collected. denied: and the missing permission. failed: and the last error; finfleet backfill tries again.';

-- Resources ---------------------------------------------------------------------------------------------------------

CREATE VIEW reporting.resources AS
SELECT provider, account, region, service, provider_id AS resource_id, type, name, tags, attributes, first_seen, last_seen
  FROM finfleet.resources;

COMMENT ON VIEW reporting.resources IS 'Everything that was seen at a provider, as it was when last seen.';
COMMENT ON COLUMN reporting.resources.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.resources.account IS 'The provider''s own id of the account, subscription or project.';
COMMENT ON COLUMN reporting.resources.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.resources.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.resources.resource_id IS 'The provider''s own full id of the resource: an ARN, an Azure resource id, or the plain id.';
COMMENT ON COLUMN reporting.resources.type IS 'The kind in the provider''s words (m5.large); empty where it has none.';
COMMENT ON COLUMN reporting.resources.name IS 'The name that people gave it; empty where it has none.';
COMMENT ON COLUMN reporting.resources.tags IS 'Tags or labels, an object of texts. tags->>''team'' reads one, null where it is not set.';
COMMENT ON COLUMN reporting.resources.attributes IS 'What else the provider says of it (state, zone ...), an object; an attribute that is not known is left out.';
COMMENT ON COLUMN reporting.resources.first_seen IS 'UTC. When a collection first saw it, which is not when it was made.';
COMMENT ON COLUMN reporting.resources.last_seen IS 'UTC. When a collection last saw it. Much older than its neighbours'': it is gone.';

-- Metrics -----------------------------------------------------------------------------------------------------------

CREATE VIEW reporting.resource_metrics AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       s.metric, s.source_metric, s.unit, s.statistic,
       p.start, make_interval(secs => s.period) AS period, p.value
  FROM finfleet.points AS p
  JOIN finfleet.series AS s USING (series_id)
  JOIN finfleet.resources AS r USING (resource_id);

COMMENT ON VIEW reporting.resource_metrics IS
    'Measured values, a row for each resource, metric, statistic and start. A value that is missing has no row: that is not zero. Name a range of start: it leads to the days that are read.';
COMMENT ON COLUMN reporting.resource_metrics.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.resource_metrics.account IS 'The provider''s own id of the account, subscription or project.';
COMMENT ON COLUMN reporting.resource_metrics.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.resource_metrics.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.resource_metrics.resource_id IS 'The provider''s own full id of the resource, as in reporting.resources.';
COMMENT ON COLUMN reporting.resource_metrics.name IS 'The name of the resource as last seen; empty where it has none.';
COMMENT ON COLUMN reporting.resource_metrics.metric IS 'The metric by its common name: cpu_utilization, memory_utilization, network_in ...';
COMMENT ON COLUMN reporting.resource_metrics.source_metric IS 'The provider''s own name of it: CPUUtilization ...';
COMMENT ON COLUMN reporting.resource_metrics.unit IS 'Unit of the value: percent (0 to 100), bytes, count ...';
COMMENT ON COLUMN reporting.resource_metrics.statistic IS 'What the value is over its period: average, sum, minimum, maximum, sample_count, p95 ...; gauge: a reading of one moment.';
COMMENT ON COLUMN reporting.resource_metrics.start IS 'UTC. The value speaks of the time from start, included, to start + period, excluded.';
COMMENT ON COLUMN reporting.resource_metrics.period IS 'Length of the time that the value speaks of.';
COMMENT ON COLUMN reporting.resource_metrics.value IS 'The value, in unit. Never null.';

-- Cost per hour -----------------------------------------------------------------------------------------------------

CREATE VIEW reporting.cost_per_hour AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       c.resource_type AS type, c.start, make_interval(secs => c.period) AS period, c.amount, c.currency, c.basis
  FROM finfleet.cost_rates AS c
  JOIN finfleet.resources AS r USING (resource_id);

COMMENT ON VIEW reporting.cost_per_hour IS
    'What each resource cost an hour while in the state that it had over the period: a list price, not a bill. An unknown price has no row: that is not zero. Amounts of different currencies cannot be added: group by currency. Money for a time: amount * extract(epoch FROM period) / 3600.';
COMMENT ON COLUMN reporting.cost_per_hour.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.cost_per_hour.account IS 'The provider''s own id of the account, subscription or project.';
COMMENT ON COLUMN reporting.cost_per_hour.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.cost_per_hour.service IS 'The collected service: ec2 ...';
COMMENT ON COLUMN reporting.cost_per_hour.resource_id IS 'The provider''s own full id of the resource, as in reporting.resources.';
COMMENT ON COLUMN reporting.cost_per_hour.name IS 'The name of the resource as last seen; empty where it has none.';
COMMENT ON COLUMN reporting.cost_per_hour.type IS 'The kind that the resource was of at that time (m5.large): it may have been resized since.';
COMMENT ON COLUMN reporting.cost_per_hour.start IS 'UTC. The rate holds from start, included, to start + period, excluded.';
COMMENT ON COLUMN reporting.cost_per_hour.period IS 'Length of the time that the rate holds for.';
COMMENT ON COLUMN reporting.cost_per_hour.amount IS 'Per hour, in currency, exact. Zero only where it is known to be free, as the compute of a stopped instance.';
COMMENT ON COLUMN reporting.cost_per_hour.currency IS 'ISO 4217: USD, EUR ...';
COMMENT ON COLUMN reporting.cost_per_hour.basis IS 'Where the amount comes from: on_demand_list, spot, stopped ...';

-- What collecting took ----------------------------------------------------------------------------------------------

CREATE VIEW reporting.collection_cost AS
SELECT (r.started_at AT TIME ZONE 'UTC')::date AS day,
       concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service,
       used.api,
       count(*) AS runs,
       sum(used.calls)::bigint AS calls,
       sum(used.throttles)::bigint AS throttles,
       CASE WHEN count(*) = count(used.cost_usd) THEN sum(used.cost_usd) END AS cost_usd
  FROM finfleet.runs AS r
  JOIN finfleet.targets AS t USING (target_id)
 CROSS JOIN LATERAL jsonb_to_recordset(r.apis) AS used(api text, calls bigint, throttles bigint, cost_usd numeric)
 GROUP BY day, t.target_id, used.api;

COMMENT ON VIEW reporting.collection_cost IS
    'Per day, target and API: what collecting took, and what the provider charges for it. Counts the runs that reported; the calls of a run that was lost on its way are not known.';
COMMENT ON COLUMN reporting.collection_cost.day IS 'Day in UTC on which the runs started.';
COMMENT ON COLUMN reporting.collection_cost.target IS 'The target as one text: provider/account/region/service.';
COMMENT ON COLUMN reporting.collection_cost.provider IS 'Cloud or source: aws, azure, gcp, generic ...';
COMMENT ON COLUMN reporting.collection_cost.account IS 'The account by its name in the configuration, which is not the provider''s account id.';
COMMENT ON COLUMN reporting.collection_cost.region IS 'The provider''s region, or global.';
COMMENT ON COLUMN reporting.collection_cost.service IS 'The collected service: ec2, host ...';
COMMENT ON COLUMN reporting.collection_cost.api IS 'The API and its operation: cloudwatch:GetMetricData ...';
COMMENT ON COLUMN reporting.collection_cost.runs IS 'Runs that called it.';
COMMENT ON COLUMN reporting.collection_cost.calls IS 'Calls made, throttled ones included.';
COMMENT ON COLUMN reporting.collection_cost.throttles IS 'Calls that the provider answered with "slow down".';
COMMENT ON COLUMN reporting.collection_cost.cost_usd IS 'US dollars by the list price of the calls. Null: the price of some of them is not known, which is not zero. Zero: known to be free.';

-- The role that reads ------------------------------------------------------------------------------------------------
-- A role belongs to all databases of a server: another database's migration may make it at the same moment.

DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NULL THEN
        CREATE ROLE finfleet_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'role finfleet_reader was not created: % may not create roles. The views work without it; to have it, run as an administrator: CREATE ROLE finfleet_reader NOLOGIN; then as %: GRANT USAGE ON SCHEMA reporting TO finfleet_reader; GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO finfleet_reader; ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT SELECT ON TABLES TO finfleet_reader;',
            current_user, current_user;
END
$$;

DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA reporting TO finfleet_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO finfleet_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT SELECT ON TABLES TO finfleet_reader;
    END IF;
END
$$;
