-- Versions of bills: which reading was the bill of its window when, and what of it did not count.

-- name: save
-- Where %(now)s is null, as of when the run was whole: a writer of a former release has not said it.
WITH new AS MATERIALIZED (
    SELECT n.target_id, n.window_start, r.run_id, r.window_end, r.attempt, r.started_at,
           -- Never before the version that it follows, whatever the clocks of two writers say.
           greatest(
               coalesce(
                   %(now)s::timestamptz,
                   greatest(
                       r.reported_at,
                       (SELECT max(b.committed_at) FROM finfleet.batches AS b WHERE b.run_id = r.run_id)
                   )
               ),
               former.since
           ) AS since
      FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(runs)s::uuid[])
               AS n(target_id, window_start, run_id)
      JOIN finfleet.runs AS r ON r.run_id = n.run_id
     CROSS JOIN LATERAL (
               SELECT max(v.since) AS since
                 FROM finfleet.bill_versions AS v
                WHERE v.target_id = n.target_id AND v.window_start = n.window_start
           ) AS former
     WHERE NOT EXISTS (SELECT FROM finfleet.bill_versions AS v WHERE v.run_id = n.run_id)
       -- Without a line it is the end of the bill before; where there was none, it is no bill.
       AND (former.since IS NOT NULL OR EXISTS (SELECT FROM finfleet.cost_lines AS l WHERE l.run_id = n.run_id))
),
ended AS (
    UPDATE finfleet.bill_versions AS v
       SET until = new.since
      FROM new
     WHERE v.target_id = new.target_id AND v.window_start = new.window_start AND v.until IS NULL
)
INSERT INTO finfleet.bill_versions (run_id, target_id, window_start, window_end, attempt, started_at, since)
SELECT run_id, target_id, window_start, window_end, attempt, started_at, since FROM new ORDER BY run_id
    ON CONFLICT DO NOTHING

-- name: save_days
-- Of these runs, once they are added up.
UPDATE finfleet.bill_versions AS v
   SET first_day = d.first_day, last_day = d.last_day
  FROM unnest(%(runs)s::uuid[]) AS n(run_id)
 CROSS JOIN LATERAL (
           SELECT min(m.day) AS first_day, max(m.day) AS last_day
             FROM finfleet.bill_summaries AS m
            WHERE m.run_id = n.run_id
       ) AS d
 WHERE v.run_id = n.run_id AND (v.first_day, v.last_day) IS DISTINCT FROM (d.first_day, d.last_day)

-- name: unknown
-- Windows of bills that a writer of a former release has settled, locked as that would.
SELECT c.target_id, c.window_start, c.settled_run
  FROM finfleet.collections AS c
 WHERE (c.target_id, c.window_start) IN (
           SELECT w.target_id, w.window_start
             FROM (
                   SELECT b.target_id, b.window_start
                     FROM finfleet.bills AS b
                    WHERE NOT EXISTS (SELECT FROM finfleet.bill_versions AS v WHERE v.run_id = b.run_id)
                    UNION
                   SELECT v.target_id, v.window_start FROM finfleet.bill_versions AS v WHERE v.until IS NULL
                  ) AS w
             JOIN finfleet.collections AS o USING (target_id, window_start)
            WHERE o.settled_run IS NOT NULL
              AND NOT EXISTS (SELECT FROM finfleet.bill_versions AS v WHERE v.run_id = o.settled_run)
              AND (
                      EXISTS (SELECT FROM finfleet.cost_lines AS l WHERE l.run_id = o.settled_run)
                      OR EXISTS (
                             SELECT
                               FROM finfleet.bill_versions AS v
                              WHERE v.target_id = o.target_id AND v.window_start = o.window_start
                         )
                  )
            LIMIT %(limit)s
       )
 ORDER BY c.target_id, c.window_start
   FOR NO KEY UPDATE OF c SKIP LOCKED

-- name: differing
-- Days on which what does not count is not what is kept of it.
WITH uncounted AS (
    SELECT target_id, window_start, day, sub_account_id FROM finfleet.cost_scopes WHERE NOT counts
),
kept AS (
    SELECT target_id, window_start, day, sub_account_id FROM finfleet.bills_left_out WHERE until IS NULL
)
SELECT DISTINCT day
  FROM ((TABLE uncounted EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE uncounted)) AS d

-- name: save_left_out
-- Under the lock of those who judge.
WITH uncounted AS MATERIALIZED (
    SELECT target_id, window_start, day, sub_account_id
      FROM finfleet.cost_scopes
     WHERE day = ANY(%(days)s::date[]) AND NOT counts
),
open AS MATERIALIZED (
    SELECT target_id, window_start, day, sub_account_id, since
      FROM finfleet.bills_left_out
     WHERE day = ANY(%(days)s::date[]) AND until IS NULL
),
ended AS (
    UPDATE finfleet.bills_left_out AS o
       SET until = greatest(o.since, coalesce(%(now)s::timestamptz, now()))
      FROM (
            SELECT * FROM open WHERE (target_id, window_start, day, sub_account_id) NOT IN (TABLE uncounted)
           ) AS n
     WHERE (o.target_id, o.window_start, o.day, o.sub_account_id, o.since)
               = (n.target_id, n.window_start, n.day, n.sub_account_id, n.since)
)
INSERT INTO finfleet.bills_left_out (target_id, window_start, day, sub_account_id, since)
SELECT target_id, window_start, day, sub_account_id, coalesce(%(now)s::timestamptz, now())
  FROM uncounted
 WHERE (target_id, window_start, day, sub_account_id)
           NOT IN (SELECT target_id, window_start, day, sub_account_id FROM open)
    -- Left out again at the very moment that it was let in.
    ON CONFLICT (target_id, window_start, day, sub_account_id, since) DO UPDATE
   SET until = NULL

-- name: archive
-- Of runs that are forgotten by the statement that this is a part of, `old`: the sums stay with the version. By day
-- only where some day of the account was left out, else it would be many times as much.
UPDATE finfleet.bill_versions AS v
   SET lines_gone = true,
       totals = coalesce(
           (
               SELECT jsonb_agg(to_jsonb(s))
                 FROM (
                       SELECT d.day, m.sub_account_id, m.service_name, m.charge_category, m.billing_currency,
                              sum(m.lines) AS lines,
                              sum(m.billed_cost) AS billed_cost,
                              sum(m.effective_cost) AS effective_cost,
                              sum(m.list_cost) AS list_cost,
                              sum(m.contracted_cost) AS contracted_cost,
                              sum(m.without_billed_cost) AS without_billed_cost,
                              sum(m.without_effective_cost) AS without_effective_cost,
                              sum(m.without_list_cost) AS without_list_cost,
                              sum(m.without_contracted_cost) AS without_contracted_cost,
                              bool_or(m.estimated) AS estimated
                         FROM finfleet.bill_summaries AS m
                        CROSS JOIN LATERAL (
                                  SELECT CASE
                                             WHEN EXISTS (
                                                      SELECT
                                                        FROM finfleet.bills_left_out AS o
                                                       WHERE o.target_id = v.target_id
                                                         AND o.window_start = v.window_start
                                                         AND o.sub_account_id = m.sub_account_id
                                                  )
                                             THEN m.day
                                         END AS day
                              ) AS d
                        WHERE m.run_id = v.run_id
                        GROUP BY d.day, m.sub_account_id, m.service_name, m.charge_category, m.billing_currency
                        ORDER BY 1, 2, 3, 4, 5
                      ) AS s
           ),
           '[]'::jsonb
       )
  FROM old
 WHERE v.run_id = old.run_id
