-- Parts of questions.sql.

-- name: chosen
-- An account may be named by what it is called in the configuration, or by the provider's id, which only bills know.
day >= %(from)s AND day < %(to)s AND counts
AND (%(provider)s::text IS NULL OR provider = %(provider)s::text)
AND (
    %(account)s::text IS NULL
    OR account = %(account)s::text
    OR NOT EXISTS (SELECT FROM reporting.bill_days AS o WHERE o.account = %(account)s::text)
)
