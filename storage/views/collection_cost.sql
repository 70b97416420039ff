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
    'Per day, target and API: what collecting took, and what the provider charges for it. Counts the runs that'
    ' reported; the calls of a run that was lost on its way are not known. Name a range of day.';
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
