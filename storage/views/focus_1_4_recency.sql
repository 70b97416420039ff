-- A reading of a month is looked up by its window, and its days are made of it.
CREATE VIEW reporting.focus_1_4_recency AS
WITH told AS MATERIALIZED (
    -- Of services that have told a bill, all targets: one that never could is missing, too.
    SELECT t.target_id, t.delivered
      FROM finfleet.targets AS t
     WHERE t.delivered
        OR (t.provider, t.service) IN (
               SELECT o.provider, o.service
                 FROM finfleet.targets AS o
                WHERE EXISTS (SELECT FROM finfleet.cost_scopes AS s WHERE s.target_id = o.target_id)
           )
),
windows AS (
    SELECT c.target_id, c.window_start, c.window_end, c.settled_run,
           CASE
               WHEN c.state = 'denied'
                   THEN 'denied: ' || coalesce(nullif(c.permission, ''), nullif(c.error, ''), 'reason unknown')
               WHEN c.state = 'failed' THEN 'failed: ' || coalesce(nullif(c.error, ''), 'reason unknown')
               WHEN c.records IS NULL THEN 'waiting'
               WHEN c.partial <> '' THEN 'partial: ' || replace(c.partial, E'\n', '; ')
               WHEN t.delivered AND c.window_end > coalesce(d.submitted_at, r.started_at, c.window_start)
                   THEN 'the billing period was not over when it was delivered'
               ELSE ''
           END AS reason
      FROM told AS t
      JOIN finfleet.collections AS c USING (target_id)
      LEFT JOIN finfleet.runs AS r ON r.run_id = c.settled_run
      LEFT JOIN finfleet.bills AS b ON b.run_id = c.settled_run
      LEFT JOIN finfleet.deliveries AS d
             ON d.target_id = c.target_id AND d.period_start = c.window_start AND d.version = b.version
     UNION ALL
    SELECT f.target_id, lower(part), upper(part), NULL,
           CASE
               WHEN f.state = 'denied'
                   THEN 'denied: ' || coalesce(nullif(f.permission, ''), nullif(f.error, ''), 'reason unknown')
               WHEN f.state = 'failed' THEN 'failed: ' || coalesce(nullif(f.error, ''), 'reason unknown')
               WHEN f.partial <> '' THEN 'partial: ' || replace(f.partial, E'\n', '; ')
               ELSE ''
           END
      FROM told AS t
      JOIN finfleet.folded_windows AS f USING (target_id)
     CROSS JOIN LATERAL unnest(f.ranges) AS part
     UNION ALL
    -- What has no window: never planned, or not delivered.
    SELECT t.target_id, g.gap_start, g.gap_end, NULL, g.reason
      FROM reporting.gaps AS g
      JOIN finfleet.targets AS o USING (provider, account, region, service)
      JOIN told AS t ON t.target_id = o.target_id
     WHERE g.reason = 'never planned' OR g.reason LIKE 'missing: %'
),
days AS (
    SELECT w.target_id, d.day, max(w.reason) AS reason, max(v.since) AS updated,
           coalesce(max(v.versions), 0) AS versions, bool_or(e.estimated) AS estimated
      FROM windows AS w
      LEFT JOIN LATERAL (
                SELECT max(v.since) AS since, count(*) AS versions
                  FROM finfleet.bill_versions AS v
                 WHERE v.target_id = w.target_id AND v.window_start = w.window_start
            ) AS v ON true
     CROSS JOIN LATERAL generate_series(
               -- Not a day: that has 23 hours once a year where the session is at home.
               date_trunc('day', w.window_start, 'UTC'), w.window_end - interval '1 microsecond', interval '24 hours'
           ) AS d(day)
      LEFT JOIN LATERAL (
                SELECT bool_or(m.estimated) AS estimated
                  FROM finfleet.bill_summaries AS m
                 WHERE m.run_id = w.settled_run AND m.day = (d.day AT TIME ZONE 'UTC')::date
            ) AS e ON true
     GROUP BY w.target_id, d.day
)
SELECT d.day AS "TimeSectorStart",
       d.day + interval '24 hours' AS "TimeSectorEnd",
       d.reason = '' AND d.estimated IS NOT TRUE AS "TimeSectorComplete",
       d.updated AS "TimeSectorLastUpdated",
       concat_ws('/', t.provider, t.account, t.region, t.service) AS "x_Target",
       t.provider AS "x_Provider", t.account AS "x_Account",
       CASE
           WHEN d.reason <> '' THEN d.reason
           WHEN d.estimated THEN 'the provider still calls amounts an estimate'
           ELSE ''
       END AS "x_Reason",
       d.versions AS "x_Versions", d.estimated AS "x_Estimated"
  FROM days AS d
  JOIN finfleet.targets AS t USING (target_id);

COMMENT ON VIEW reporting.focus_1_4_recency IS
    'Which days of the bill are complete, by target, as Recency of FOCUS 1.4 tells it: from the ledger. A day is'
    ' complete where the collection or delivery that told it is whole, was made after its end, and the provider does'
    ' not call it an estimate. It may be restated all the same: x_Versions. Name a range of TimeSectorStart.';
COMMENT ON COLUMN reporting.focus_1_4_recency."TimeSectorStart" IS 'The day in UTC, this moment included.';
COMMENT ON COLUMN reporting.focus_1_4_recency."TimeSectorEnd" IS 'Its end, this moment excluded.';
COMMENT ON COLUMN reporting.focus_1_4_recency."TimeSectorComplete" IS 'Whether the bill of that day is complete.';
COMMENT ON COLUMN reporting.focus_1_4_recency."TimeSectorLastUpdated" IS
    'Since when what is there is the bill, in UTC; null where nothing ever was.';
COMMENT ON COLUMN reporting.focus_1_4_recency."x_Target" IS :'target';
COMMENT ON COLUMN reporting.focus_1_4_recency."x_Provider" IS :'provider';
COMMENT ON COLUMN reporting.focus_1_4_recency."x_Account" IS :'configured_account';
COMMENT ON COLUMN reporting.focus_1_4_recency."x_Reason" IS
    'Why it is not complete; empty where it is. reporting.gaps says more of what is not collected.';
COMMENT ON COLUMN reporting.focus_1_4_recency."x_Versions" IS
    'How many readings were the bill of its window, one after the other: 1, it was never restated; 0, none was kept.'
    ' Each delivery of a month is a version of all of its days.';
COMMENT ON COLUMN reporting.focus_1_4_recency."x_Estimated" IS :'estimated';
