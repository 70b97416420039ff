CREATE VIEW reporting.collection_cost AS
WITH used AS (
    SELECT r.target_id, r.day, u.api, r.runs, r.runs * u.calls AS calls, r.runs * u.throttles AS throttles,
           r.runs * u.cost_usd AS cost_usd, CASE WHEN u.cost_usd IS NULL THEN r.runs ELSE 0 END AS unpriced
      FROM (
            -- What is not summed up yet. Most runs of a day used the same: it is opened once for all of them.
            SELECT target_id, (started_at AT TIME ZONE 'UTC')::date AS day, apis, count(*) AS runs
              FROM finfleet.runs
             WHERE apis <> '[]'::jsonb
             GROUP BY 1, 2, 3
           ) AS r
     CROSS JOIN LATERAL jsonb_to_recordset(r.apis) AS u(api text, calls bigint, throttles bigint, cost_usd numeric)
     UNION ALL
    -- Of days that are summed up: of each API its runs, calls, throttles, dollars, and runs of unknown price.
    SELECT m.target_id, m.month + d.day::int - 1, u.api, (u.took ->> 0)::bigint, (u.took ->> 1)::bigint,
           (u.took ->> 2)::bigint, (u.took ->> 3)::numeric, (u.took ->> 4)::bigint
      FROM finfleet.run_days AS m
     CROSS JOIN LATERAL jsonb_each(m.days) AS d(day, told)
     CROSS JOIN LATERAL jsonb_each(d.told -> 'apis') AS u(api, took)
)
SELECT u.day,
       concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service,
       u.api,
       sum(u.runs)::bigint AS runs,
       sum(u.calls)::bigint AS calls,
       sum(u.throttles)::bigint AS throttles,
       CASE WHEN sum(u.unpriced) = 0 THEN sum(u.cost_usd) END AS cost_usd
  FROM used AS u
  JOIN finfleet.targets AS t USING (target_id)
 GROUP BY u.day, t.target_id, u.api;

COMMENT ON VIEW reporting.collection_cost IS
    'Per day, target and API: what collecting took, and what the provider charges for it. Counts the runs that'
    ' reported; the calls of a run that was lost on its way are not known. What'
    ' is older than retention.runs stays. Name a range of day.';
COMMENT ON COLUMN reporting.collection_cost.day IS 'Day in UTC on which the runs started.';
COMMENT ON COLUMN reporting.collection_cost.target IS :'target';
COMMENT ON COLUMN reporting.collection_cost.provider IS :'provider';
COMMENT ON COLUMN reporting.collection_cost.account IS :'configured_account';
COMMENT ON COLUMN reporting.collection_cost.region IS :'region';
COMMENT ON COLUMN reporting.collection_cost.service IS :'service';
COMMENT ON COLUMN reporting.collection_cost.api IS 'The API and its operation: cloudwatch:GetMetricData ...';
COMMENT ON COLUMN reporting.collection_cost.runs IS 'Runs that called it.';
COMMENT ON COLUMN reporting.collection_cost.calls IS 'Calls made, throttled ones included.';
COMMENT ON COLUMN reporting.collection_cost.throttles IS 'Calls that the provider answered with "slow down".';
COMMENT ON COLUMN reporting.collection_cost.cost_usd IS
    'US dollars by the list price of the calls. Null: the price of some of them is not known, which is not zero.'
    ' Zero: known to be free.';
