-- title = "When commitments end, as far as the bill tells, and which have gone quiet"
-- answers = "Which reservation or savings plan runs out soon, or has no charge any more? Most bills do not tell the end of a term: then it is null, and last_day is the last sign of it."
-- span = "3 months"
-- order = "end of the term, then the longest without a charge"
-- slow = "reads every line of the bill of its months, since the summaries of days have no commitment"
-- columns = ["provider", "commitment_discount_id", "commitment_discount_type", "billing_currency", "ends_on", "days_left", "first_day", "last_day", "quiet_days", "effective_cost"]
-- [meanings]
-- ends_on = "day: End of the term by the details of the bill; null where it does not tell."
-- days_left = "count: Days from the last one that was asked for until then; null where it does not tell."
-- first_day = "day: The first day of those asked for with a charge of it, in UTC."
-- last_day = "day: The last one."
-- quiet_days = "count: Days since then until the last one that was asked for."
WITH told AS (
    SELECT provider, commitment_discount_id, max(commitment_discount_type) AS commitment_discount_type,
           billing_currency,
           max(substring(
               coalesce(
                   details ->> 'ContractCommitmentPeriodEnd', details ->> 'x_CommitmentDiscountEnd',
                   details ->> 'x_CommitmentDiscountEndDate', details ->> 'ReservationEndTime'
               ) FROM '^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])'
           )) AS told_end,
           min(day) AS first_day, max(day) AS last_day, sum(effective_cost) AS effective_cost
      FROM {lines|%(from)s|%(to)s}
     WHERE commitment_discount_id <> ''
     GROUP BY provider, commitment_discount_id, billing_currency
)
SELECT provider, commitment_discount_id, commitment_discount_type, billing_currency, e.ends_on,
       e.ends_on - ((%(to)s)::date - 1) AS days_left, first_day, last_day,
       (%(to)s)::date - 1 - last_day AS quiet_days, effective_cost
  FROM told
 CROSS JOIN LATERAL (SELECT to_date(told_end, 'YYYY-MM-DD') AS ends_on) AS e
 ORDER BY e.ends_on NULLS LAST, quiet_days DESC, provider, commitment_discount_id, billing_currency
