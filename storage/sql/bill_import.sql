-- Bills that a person brings, by the way that deliveries take.

-- name: target
-- Not configured, so no planner hands anything of it out.
INSERT INTO finfleet.targets (provider, account, region, service, queue, enabled, interval_seconds, delay_seconds,
                              delivered, enabled_since, planned_until)
VALUES (%(provider)s, %(account)s, %(region)s, %(service)s, 'import', false, 2678400, 0, true, %(now)s, %(now)s)
    ON CONFLICT DO NOTHING

-- name: configured
SELECT enabled
  FROM finfleet.targets
 WHERE provider = %(provider)s AND account = %(account)s AND region = %(region)s AND service = %(service)s

-- name: window
-- One more attempt at it. What it has stays until the new bill is whole.
INSERT INTO finfleet.collections AS c (target_id, window_start, window_end, state, attempt, due_at)
SELECT target_id, %(start)s, %(end)s, 'dispatched', 1, %(due)s
  FROM finfleet.targets
 WHERE provider = %(provider)s AND account = %(account)s AND region = %(region)s AND service = %(service)s
    ON CONFLICT (target_id, window_start) DO UPDATE
   SET attempt = c.attempt + 1, state = 'dispatched', due_at = excluded.due_at
RETURNING attempt

-- name: totals
-- Of the bill of the window, whatever days its charges are of; what says no billing period is of its day.
SELECT billing_currency, service_name, sum(billed_cost)
  FROM reporting.cost_summaries
 WHERE provider = %(provider)s
   AND CASE WHEN billing_period_start IS NULL
            THEN day >= (%(start)s AT TIME ZONE 'UTC')::date AND day < (%(end)s AT TIME ZONE 'UTC')::date
            ELSE billing_period_start >= %(start)s AND billing_period_start < %(end)s
       END
 GROUP BY billing_currency, service_name
