-- Whose costs each bill is of, and whether it counts for them.

-- name: touched
-- Whether one of these windows has a bill, or had one.
SELECT EXISTS (
           SELECT
             FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(runs)s::uuid[])
                      AS n(target_id, window_start, run_id)
            WHERE EXISTS (SELECT FROM finfleet.cost_lines AS l WHERE l.run_id = n.run_id)
               OR EXISTS (
                      SELECT
                        FROM finfleet.cost_scopes AS s
                       WHERE s.target_id = n.target_id AND s.window_start = n.window_start
                  )
       )

-- name: forget
DELETE FROM finfleet.cost_scopes AS s
 USING unnest(%(target_ids)s::int[], %(starts)s::timestamptz[]) AS n(target_id, window_start)
 WHERE s.target_id = n.target_id AND s.window_start = n.window_start
RETURNING s.day

-- name: insert
-- Run by run: at once, Postgres would rather read the lines of all bills that there are.
INSERT INTO finfleet.cost_scopes (target_id, window_start, day, sub_account_id, provider)
SELECT n.target_id, n.window_start, l.day, l.sub_account_id, l.provider
  FROM unnest(%(target_ids)s::int[], %(starts)s::timestamptz[], %(runs)s::uuid[]) AS n(target_id, window_start, run_id)
 CROSS JOIN LATERAL (
           -- Of two providers in one account nobody can say that it is the one's.
           SELECT (l.charge_period_start AT TIME ZONE 'UTC')::date AS day, l.sub_account_id,
                  CASE
                      WHEN min(coalesce(l.details ->> %(of)s, '')) = max(coalesce(l.details ->> %(of)s, ''))
                          THEN min(coalesce(l.details ->> %(of)s, ''))
                      ELSE ''
                  END AS provider
             FROM finfleet.cost_lines AS l
            WHERE l.run_id = n.run_id AND l.breakdown = ''
            GROUP BY 1, 2
       ) AS l
RETURNING day

-- name: judge
-- Of each account and day of a provider, whoever tells of them, the bill of exactly one target counts: of one that is read from files and proven to the row,
-- configured or not any more; then of one that is configured, then of the one that bills most accounts that day, then of
-- the first by its name. Lines that name no account count with the others of their bill. Where two exports name none
-- that day, they are of one bill if they name the same account on another day of the month: then those of one count.
-- Else nobody can know, and both count: reporting.cost_sources says so.
-- Charges of a day that the invoice of another month has (a correction, a fee) are beside those of the day itself: whose
-- bill of the day counts says nothing of them, and the file of one month none of the days of another.
WITH ranked AS (
    SELECT s.target_id, s.window_start, s.day, s.sub_account_id, t.provider, t.service, t.account, t.region, t.enabled,
           t.delivered, coalesce(nullif(s.provider, ''), t.provider) AS biller,
           c.window_start < ((s.day + 1)::timestamp AT TIME ZONE 'UTC')
               AND c.window_end > (s.day::timestamp AT TIME ZONE 'UTC') AS own,
           count(*) FILTER (WHERE s.sub_account_id <> '') OVER (PARTITION BY s.target_id, s.day) AS accounts
      FROM finfleet.cost_scopes AS s
      JOIN finfleet.targets AS t USING (target_id)
      JOIN finfleet.collections AS c USING (target_id, window_start)
     WHERE s.day = ANY(%(days)s::date[])
),
won AS (
    SELECT target_id, window_start, day, sub_account_id, provider, service, account, delivered, own,
           target_id = first_value(target_id) OVER (
               PARTITION BY biller,
                            -- What two sources push is not the same thing, whatever they call it.
                            CASE WHEN service = %(pushed)s THEN target_id END,
                            day, lower(sub_account_id), own
                   ORDER BY delivered DESC, enabled DESC, accounts DESC, account, region, service, provider
           ) AS won
      FROM ranked
),
nameless AS MATERIALIZED (
    SELECT target_id, window_start, day, own, row_number() OVER (
               PARTITION BY provider, day, own ORDER BY enabled DESC, account, region, service
           ) AS place, provider
      FROM ranked
     WHERE delivered AND sub_account_id = '' AND accounts = 0
),
repeated AS MATERIALIZED (
    SELECT n.target_id, n.window_start, n.day
      FROM nameless AS n
     WHERE EXISTS (
               SELECT
                 FROM nameless AS w
                 JOIN finfleet.cost_scopes AS o ON o.target_id = w.target_id AND o.window_start = w.window_start
                 JOIN finfleet.cost_scopes AS s
                   ON s.day = o.day AND lower(s.sub_account_id) = lower(o.sub_account_id)
                WHERE (w.provider, w.day, w.own) = (n.provider, n.day, n.own)
                  AND w.place < n.place
                  AND o.sub_account_id <> ''
                  AND s.target_id = n.target_id
                  AND s.window_start = n.window_start
           )
),
judged AS (
    SELECT target_id, window_start, day, sub_account_id,
           CASE
               WHEN sub_account_id <> '' THEN won
               WHEN (target_id, window_start, day) IN (TABLE repeated) THEN false
               ELSE coalesce(
                        bool_or(won) FILTER (WHERE sub_account_id <> '') OVER (PARTITION BY target_id, day),
                        -- It names no account that day: of one configured account the file is the bill, and not both.
                        delivered
                            OR service = %(pushed)s
                            OR NOT bool_or(delivered) OVER (PARTITION BY provider, account, day, own)
                    )
           END AS counts
      FROM won
)
UPDATE finfleet.cost_scopes AS s
   SET counts = j.counts
  FROM judged AS j
 WHERE (s.target_id, s.window_start, s.day, s.sub_account_id)
           = (j.target_id, j.window_start, j.day, j.sub_account_id)
   AND s.counts IS DISTINCT FROM j.counts

-- name: outdated
-- Days on which the bill of a target counts that is not configured any more, and one that is tells of the same.
SELECT DISTINCT w.day
  FROM finfleet.targets AS former
  JOIN finfleet.cost_scopes AS w ON w.target_id = former.target_id AND w.counts AND w.sub_account_id <> ''
  JOIN finfleet.cost_scopes AS s
    ON s.day = w.day AND lower(s.sub_account_id) = lower(w.sub_account_id) AND NOT s.counts
  JOIN finfleet.targets AS t ON t.target_id = s.target_id AND t.enabled
 WHERE NOT former.enabled
   AND coalesce(nullif(s.provider, ''), t.provider) = coalesce(nullif(w.provider, ''), former.provider)
   AND (t.delivered OR NOT former.delivered)
 UNION
-- And days on which what is read from files does not count although no other files tell of them: a writer of a former
-- release has judged.
SELECT DISTINCT s.day
  FROM finfleet.targets AS t
  JOIN finfleet.cost_scopes AS s ON s.target_id = t.target_id AND NOT s.counts AND s.sub_account_id <> ''
  JOIN finfleet.collections AS c ON c.target_id = s.target_id AND c.window_start = s.window_start
 WHERE t.delivered
   AND c.window_start < ((s.day + 1)::timestamp AT TIME ZONE 'UTC')
   AND c.window_end > (s.day::timestamp AT TIME ZONE 'UTC')
   AND NOT EXISTS (
           SELECT
             FROM finfleet.cost_scopes AS w
             JOIN finfleet.targets AS other ON other.target_id = w.target_id
            WHERE w.day = s.day
              AND lower(w.sub_account_id) = lower(s.sub_account_id)
              AND w.counts
              AND coalesce(nullif(w.provider, ''), other.provider) = coalesce(nullif(s.provider, ''), t.provider)
              AND other.delivered
       )

 UNION
-- And days on which two exports of one bill both count that name no account, for the same reason.
SELECT DISTINCT s.day
  FROM finfleet.targets AS t
  JOIN finfleet.cost_scopes AS s ON s.target_id = t.target_id AND s.sub_account_id = '' AND s.counts
  JOIN finfleet.cost_scopes AS w
    ON w.day = s.day
   AND lower(w.sub_account_id) = ''
   AND w.window_start = s.window_start
   AND w.target_id > s.target_id
   AND w.counts
  JOIN finfleet.targets AS other ON other.target_id = w.target_id AND other.delivered AND other.provider = t.provider
 WHERE t.delivered
   AND NOT EXISTS (
           SELECT
             FROM finfleet.cost_scopes AS n
            WHERE n.day = s.day AND n.target_id IN (s.target_id, w.target_id) AND n.sub_account_id <> ''
       )
   AND EXISTS (
           SELECT
             FROM finfleet.cost_scopes AS a
             JOIN finfleet.cost_scopes AS b ON b.day = a.day AND lower(b.sub_account_id) = lower(a.sub_account_id)
            WHERE (a.target_id, a.window_start) = (s.target_id, s.window_start)
              AND (b.target_id, b.window_start) = (w.target_id, w.window_start)
              AND a.sub_account_id <> ''
       )

-- name: has_sources
-- A database that was taken back to a former release has its views again once that release has made them.
SELECT to_regclass('reporting.cost_sources') IS NOT NULL

-- name: left_out
-- A row for each target of whose bill something does not count, for each that counts instead. That the files of an
-- account count before its API is as it should be, and no news.
SELECT target, counted_from, max(reason) AS reason, count(DISTINCT sub_account_id) AS accounts,
       min(day) AS first_day, max(day) AS last_day
  FROM reporting.cost_sources
 WHERE NOT counts AND sub_account_id <> ''
   AND reason <> 'it is read from files, and proven to the row'
   AND (%(since)s::timestamptz IS NULL OR day >= (%(since)s AT TIME ZONE 'UTC')::date)
 GROUP BY target, counted_from
 ORDER BY last_day DESC, target
 LIMIT %(limit)s
