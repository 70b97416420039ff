-- What is known of the daily costs of each account, and the anomalies that are kept.

-- name: known
-- Days of which a target has read the whole bill, of what the provider had so late that nothing more was to come: when it
-- wrote a delivery counts, not when that was read. A bill of more than a day says nothing of the days behind its last
-- charge: nobody knows whether they are in it yet.
WITH readers AS (
    SELECT DISTINCT target_id FROM finfleet.bill_versions WHERE window_end > %(since)s
)
SELECT c.target_id, d.day::date
  FROM readers
  JOIN finfleet.collections AS c USING (target_id)
  LEFT JOIN finfleet.bill_versions AS v ON v.run_id = c.settled_run
 CROSS JOIN LATERAL (
           SELECT least(c.settled_at, max(o.submitted_at)) AS written_at
             FROM finfleet.deliveries AS o
            WHERE o.target_id = c.target_id AND o.run_id = c.settled_run
       ) AS w
 CROSS JOIN LATERAL generate_series(
               greatest(c.window_start, %(since)s) AT TIME ZONE 'UTC',
               (c.window_end AT TIME ZONE 'UTC') - interval '1 day',
               interval '1 day'
           ) AS d(day)
 WHERE c.window_end > %(since)s
   AND (c.settled_run IS NOT NULL OR c.state = 'empty')
   AND c.partial = ''
   AND coalesce(w.written_at, c.settled_at) >= ((d.day + interval '1 day') AT TIME ZONE 'UTC') + %(settle)s
   AND (c.window_end - c.window_start <= interval '1 day' OR d.day::date <= v.last_day)
 UNION
-- What lies in the ranges is long over.
SELECT f.target_id, d.day::date
  FROM readers
  JOIN finfleet.folded_windows AS f USING (target_id)
 CROSS JOIN LATERAL unnest(f.ranges) AS part
 CROSS JOIN LATERAL generate_series(
               greatest(lower(part), %(since)s) AT TIME ZONE 'UTC',
               (upper(part) AT TIME ZONE 'UTC') - interval '1 day',
               interval '1 day'
           ) AS d(day)
 WHERE f.state IN ('complete', 'empty') AND f.partial = '' AND upper(part) > %(since)s

-- name: told
-- Whose bills tell of which accounts, and on which days whose counts.
SELECT t.provider, lower(s.sub_account_id) AS sub_account_id, s.target_id, s.day, bool_or(s.counts) AS counts
  FROM finfleet.cost_scopes AS s
  JOIN finfleet.targets AS t USING (target_id)
 WHERE s.day >= (%(since)s AT TIME ZONE 'UTC')::date
 GROUP BY t.provider, lower(s.sub_account_id), s.target_id, s.day

-- name: costs
-- Of usage alone: taxes, credits, purchases and corrections come when they come. A cost that some of its lines do not
-- tell is null.
SELECT provider, max(sub_account_id) AS sub_account_id, service_name, billing_currency, day,
       CASE WHEN sum(without_effective_cost) = 0 THEN sum(effective_cost) END AS effective_cost,
       CASE WHEN sum(without_billed_cost) = 0 THEN sum(billed_cost) END AS billed_cost
  FROM reporting.cost_summaries
 WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date
   AND charge_category IN ('Usage', '')
   AND billing_currency <> ''
 GROUP BY provider, lower(sub_account_id), service_name, billing_currency, day
 ORDER BY provider, lower(sub_account_id), service_name, billing_currency, day

-- name: begin
-- One at a time; the others leave it to that one.
SELECT pg_try_advisory_xact_lock(hashtextextended('finfleet.anomalies', 0))

-- name: state_of_bills
-- Changes with what anomalies and forecasts depend on: which bills count, and how long they are settled.
SELECT concat_ws(' ',
           (SELECT max(greatest(since, until)) FROM finfleet.bill_versions WHERE window_end > %(since)s),
           (SELECT max(greatest(since, until))
              FROM finfleet.bills_left_out
             WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND since > '-infinity'),
           (SELECT max(c.settled_at)
              FROM finfleet.collections AS c
             WHERE c.window_end > %(since)s
               AND c.target_id IN (SELECT v.target_id FROM finfleet.bill_versions AS v WHERE v.window_end > %(since)s))
       )

-- name: before
SELECT seen, looked_at FROM finfleet.anomaly_looks

-- name: look
INSERT INTO finfleet.anomaly_looks (single, looked_at, seen)
VALUES (true, %(now)s, %(seen)s)
    ON CONFLICT (single) DO UPDATE
   SET looked_at = excluded.looked_at, seen = excluded.seen

-- name: save
-- What is found again keeps when it was found first.
INSERT INTO finfleet.anomalies AS a (anomaly_id, provider, sub_account_id, billing_currency, service_name, kind,
                                     first_day, last_day, days, cost, expected, actual, found_at)
SELECT n.anomaly_id, n.provider, n.sub_account_id, n.billing_currency, n.service_name, n.kind,
       n.first_day, n.last_day, n.days::date[], n.cost, n.expected, n.actual, %(now)s
  FROM unnest(%(anomaly_ids)s::uuid[], %(providers)s::text[], %(sub_account_ids)s::text[],
              %(billing_currencies)s::text[], %(service_names)s::text[], %(kinds)s::text[], %(first_days)s::date[],
              %(last_days)s::date[], %(days)s::text[], %(costs)s::text[], %(expecteds)s::numeric[],
              %(actuals)s::numeric[])
           AS n(anomaly_id, provider, sub_account_id, billing_currency, service_name, kind, first_day, last_day, days,
                cost, expected, actual)
    ON CONFLICT (anomaly_id, service_name) DO UPDATE
   SET kind = excluded.kind, last_day = excluded.last_day, days = excluded.days, cost = excluded.cost,
       expected = excluded.expected, actual = excluded.actual, withdrawn_at = NULL
 WHERE (a.kind, a.last_day, a.days, a.cost, a.expected, a.actual, a.withdrawn_at)
           IS DISTINCT FROM (excluded.kind, excluded.last_day, excluded.days, excluded.cost, excluded.expected,
                             excluded.actual, NULL::timestamptz)
RETURNING a.anomaly_id, a.found_at = %(now)s

-- name: withdraw
-- The bill was restated, or the rules are others: it is none any more.
UPDATE finfleet.anomalies AS a
   SET withdrawn_at = %(now)s
 WHERE a.first_day >= %(first_day)s
   AND a.withdrawn_at IS NULL
   AND (a.anomaly_id, a.service_name) NOT IN (
           SELECT n.anomaly_id, n.service_name
             FROM unnest(%(anomaly_ids)s::uuid[], %(service_names)s::text[]) AS n(anomaly_id, service_name)
       )

-- name: note
INSERT INTO finfleet.anomaly_notes (anomaly_id, noted_at, state, note, noted_by)
SELECT a.anomaly_id, clock_timestamp(), %(state)s, %(note)s, %(by)s
  FROM (SELECT DISTINCT anomaly_id FROM finfleet.anomalies WHERE anomaly_id = %(anomaly_id)s) AS a

-- name: matching
SELECT DISTINCT anomaly_id
  FROM finfleet.anomalies
 WHERE anomaly_id::text LIKE %(beginning)s || '%%'
 LIMIT 2

-- name: listing
SELECT anomaly_id, first_day, last_day, kind, provider, sub_account_id, billing_currency, expected_cost, actual_cost,
       excess_cost, services, state, note, noted_by, noted_at, found_at, withdrawn_at
  FROM reporting.anomalies
 WHERE (%(every)s OR (state <> 'explained' AND withdrawn_at IS NULL))
   AND (%(anomaly_id)s::uuid IS NULL OR anomaly_id = %(anomaly_id)s)
   AND first_day >= %(since)s
 ORDER BY first_day DESC, abs(excess_cost) DESC, anomaly_id
 LIMIT %(limit)s

-- name: resources
SELECT service_name, resource_id, cost, usual_cost, difference FROM reporting.anomaly_resources(%(anomaly_id)s)
 LIMIT %(limit)s
