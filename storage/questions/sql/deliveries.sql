-- title = "Deliveries of bills: which version of each month is the bill, and was it read whole?"
-- answers = "Did the files come, were they read to the last row, and what was superseded, refused or missing?"
-- span = "3 months"
-- reads = []
-- order = "month, target, the newest first"
-- columns = ["month", "target", "state", "proven", "files", "rows_promised", "rows_read", "submitted_at", "read_at", "reason"]
-- [meanings]
-- month = "month: First day of the billing period, in UTC."
-- state = "text: seen, pinned, read, current, superseded, refused or missing."
-- proven = "yes or no: Whether it was read whole: as many rows and bytes as were promised, where any were."
-- files = "count: Files that it has."
-- rows_promised = "count: Rows that its files promise; null where one does not say."
-- rows_read = "count: Rows that were read; null where it was not."
-- submitted_at = "time: When the provider wrote it, in UTC; null where it does not say."
-- read_at = "time: When it was read last, in UTC; null where it was not."
-- reason = "text: Why it is missing, or was refused; empty otherwise."
SELECT (period_start AT TIME ZONE 'UTC')::date AS month, target, state, proven, files, rows_promised, rows_read,
       submitted_at, read_at, reason
  FROM reporting.deliveries
 WHERE period_start >= date_trunc('month', (%(from)s)::date::timestamp) AT TIME ZONE 'UTC'
   AND period_start < (%(to)s)::date::timestamp AT TIME ZONE 'UTC'
   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR account = %(account)s::text)
 ORDER BY month, target, coalesce(submitted_at, last_seen_at, seen_at) DESC, version
