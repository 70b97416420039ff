-- Few rows: a target that brings bills has one a day. What brings bills is known by what ever did, in any account.
CREATE VIEW reporting.bill_days AS
WITH bringing AS MATERIALIZED (
    SELECT t.*,
           coalesce(
               (SELECT bool_or(s.counts) FROM finfleet.cost_scopes AS s WHERE s.target_id = t.target_id), true
           ) AS counts
      FROM finfleet.targets AS t
     WHERE (t.provider, t.service) IN (
               SELECT o.provider, o.service
                 FROM finfleet.targets AS o
                WHERE EXISTS (SELECT FROM finfleet.bills AS b WHERE b.target_id = o.target_id)
                   OR EXISTS (SELECT FROM finfleet.cost_scopes AS s WHERE s.target_id = o.target_id)
           )
),
windows AS (
    SELECT c.target_id, c.window_start, c.window_end,
           CASE
               WHEN c.state IN ('planned', 'dispatched') AND c.records IS NULL THEN 'waiting'
               WHEN c.state IN ('planned', 'dispatched') AND c.partial = '' THEN 'complete'
               WHEN c.state IN ('complete', 'empty') AND c.partial = '' THEN c.state
               WHEN c.state IN ('denied', 'failed') THEN c.state
               ELSE 'partial'
           END AS state,
           -- A period that was not over when its files were written goes as far as their charges do.
           CASE WHEN t.delivered AND c.window_end > v.since THEN coalesce(v.last_day, '-infinity') ELSE 'infinity' END
               AS told_until
      FROM bringing AS t
      JOIN finfleet.collections AS c USING (target_id)
      LEFT JOIN finfleet.bill_versions AS v ON t.delivered AND v.run_id = c.settled_run
     UNION ALL
    SELECT f.target_id, lower(part), upper(part), CASE WHEN f.partial = '' THEN f.state ELSE 'partial' END, 'infinity'
      FROM bringing AS t
      JOIN finfleet.folded_windows AS f USING (target_id)
     CROSS JOIN LATERAL unnest(f.ranges) AS part
),
told AS (
    -- A window may overlap one of another length, where the interval was changed: whatever lacks something tells.
    SELECT w.target_id, d.day::date AS day,
           coalesce(
               min(w.state) FILTER (WHERE w.state NOT IN ('complete', 'empty') AND d.day::date <= w.told_until),
               min('waiting') FILTER (WHERE d.day::date > w.told_until),
               min(w.state)
           ) AS state
      FROM windows AS w
     CROSS JOIN LATERAL generate_series(
               date_trunc('day', w.window_start AT TIME ZONE 'UTC'),
               w.window_end AT TIME ZONE 'UTC' - interval '1 microsecond',
               interval '1 day'
           ) AS d(day)
     GROUP BY w.target_id, d.day::date
),
spans AS (
    SELECT t.target_id,
           least(
               min(o.day), CASE WHEN NOT t.delivered THEN (t.enabled_since AT TIME ZONE 'UTC')::date END
           ) AS first_day,
           greatest(max(o.day), CASE WHEN t.enabled THEN (now() AT TIME ZONE 'UTC')::date END) AS last_day
      FROM bringing AS t
      LEFT JOIN told AS o USING (target_id)
     GROUP BY t.target_id, t.delivered, t.enabled, t.enabled_since
)
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.enabled, d.day::date AS day,
       coalesce(o.state, 'waiting') AS state,
       coalesce(o.state IN ('complete', 'empty'), false) AS is_complete,
       t.counts
  FROM bringing AS t
  JOIN spans AS s USING (target_id)
 CROSS JOIN LATERAL generate_series(s.first_day::timestamp, s.last_day::timestamp, interval '1 day') AS d(day)
  LEFT JOIN told AS o ON o.target_id = t.target_id AND o.day = d.day::date
 -- What nobody asked for is not owed.
 WHERE o.state IS NOT NULL
    OR NOT EXISTS (
           SELECT
             FROM finfleet.pauses AS p
            WHERE p.target_id = t.target_id
              AND p.paused_from < (d.day + interval '1 day') AT TIME ZONE 'UTC'
              AND coalesce(p.paused_until, 'infinity') > d.day AT TIME ZONE 'UTC'
       );

COMMENT ON VIEW reporting.bill_days IS
    'Of each target that brings a bill, each day up to now and whether its bill is there: a sum over days of which one'
    ' is not complete, and counts, is not the whole. Name a range of day.';
COMMENT ON COLUMN reporting.bill_days.target IS :'target';
COMMENT ON COLUMN reporting.bill_days.provider IS :'provider';
COMMENT ON COLUMN reporting.bill_days.account IS :'configured_account';
COMMENT ON COLUMN reporting.bill_days.region IS :'collected_region';
COMMENT ON COLUMN reporting.bill_days.service IS :'service';
COMMENT ON COLUMN reporting.bill_days.enabled IS 'Whether the target is configured now.';
COMMENT ON COLUMN reporting.bill_days.day IS 'The day, in UTC.';
COMMENT ON COLUMN reporting.bill_days.state IS
    'complete; empty: the provider answered that there is nothing; partial: something of it is missing; denied;'
    ' failed; or waiting: it is due, being read, not delivered yet, or its day is not over.';
COMMENT ON COLUMN reporting.bill_days.is_complete IS
    'Whether it is complete or empty. What the provider restates later is another matter.';
COMMENT ON COLUMN reporting.bill_days.counts IS
    'Whether a charge of this target ever counted, on any day, or it never told of any. Where not, other targets tell'
    ' of all that it does (reporting.cost_sources), and nothing is missing where it lacks a day.';
