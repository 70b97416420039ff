-- title = "What is not collected, since when and why"
-- answers = "Which time is missing of which target, and is it tried again by itself?"
-- span = "30 days"
-- reads = []
-- order = "the latest first"
-- columns = ["target", "gap_start", "gap_end", "reason", "permission", "again"]
-- [meanings]
-- gap_start = "time: UTC. The gap begins here, this moment included."
-- gap_end = "time: UTC. It ends here, this moment excluded."
-- reason = "text: never planned, waiting, denied, failed, missing or partial, and why."
-- permission = "text: The missing permission; empty otherwise."
-- again = "yes or no: Whether it is tried again without anybody asking."
SELECT target, gap_start, gap_end, reason, permission, again
  FROM reporting.gaps
 WHERE gap_end > (%(from)s)::date::timestamp AT TIME ZONE 'UTC'
   AND gap_start < (%(to)s)::date::timestamp AT TIME ZONE 'UTC'
   AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
   AND (%(account)s::text IS NULL OR account = %(account)s::text)
 ORDER BY gap_end DESC, target, gap_start, reason
