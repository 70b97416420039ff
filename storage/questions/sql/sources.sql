-- title = "Whose bill counts for which account"
-- answers = "Where two targets tell of the same charges, which one is counted, and why not the other?"
-- span = "30 days"
-- reads = []
-- order = "provider, billed account, target"
-- columns = ["provider", "sub_account_id", "target", "counts", "counted_from", "reason", "days", "first_day", "last_day"]
-- [meanings]
-- counts = "yes or no: Whether the charges of these days are in the bill by this target."
-- counted_from = "text: Where they do not count: the target whose bill counts instead."
-- reason = "text: Why that one counts, and this one does not; empty where it does."
-- days = "count: Days for which it is so."
-- first_day = "day: The first of them, in UTC."
-- last_day = "day: The last one."
SELECT provider, sub_account_id, target, counts, counted_from, reason, count(*) AS days, min(day) AS first_day,
       max(day) AS last_day
  FROM reporting.cost_sources
 WHERE day >= %(from)s AND day < %(to)s
   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR %(account)s::text IN (account, sub_account_id))
 GROUP BY provider, sub_account_id, target, counts, counted_from, reason
 ORDER BY provider, sub_account_id, target, counts, counted_from, reason
