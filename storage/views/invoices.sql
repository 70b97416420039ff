CREATE VIEW reporting.invoices AS
SELECT i.provider, i.account, i.sub_account_id, m.month, i.invoice_id, i.invoice_type,
       (substring(i.details ->> 'IssuedDate' FROM '^\d{4}-\d{2}-\d{2}$'))::date AS issued_on, i.billing_currency,
       i.total, i.total - i.tax AS before_tax, i.tax, i.file_cost,
       i.total - i.file_cost AS difference,
       CASE WHEN i.file_cost IS NOT NULL THEN i.tax_difference END AS tax_difference,
       CASE WHEN abs(i.other_difference) < 0.01 THEN i.other_difference ELSE 0 * i.file_cost END AS rounding,
       CASE WHEN abs(i.other_difference) < 0.01 THEN 0 ELSE i.other_difference END AS rest,
       i.details, i.run_id
  FROM (
        SELECT month::date AS month,
               (month + interval '1 month')::date AS next_month,
               month AT TIME ZONE 'UTC' AS month_start,
               (month + interval '1 month') AT TIME ZONE 'UTC' AS month_end
          FROM (
                SELECT min(b.first_start) AT TIME ZONE 'UTC' AS first_start,
                       max(b.last_start) AT TIME ZONE 'UTC' AS last_start
                  FROM finfleet.targets AS t
                 CROSS JOIN LATERAL (
                           SELECT min(b.window_start) AS first_start, max(b.window_start) AS last_start
                             FROM finfleet.bills AS b
                            WHERE b.target_id = t.target_id
                       ) AS b
               ) AS s
         CROSS JOIN LATERAL generate_series(
                   date_trunc('month', s.first_start), s.last_start, interval '1 month'
               ) AS month
       ) AS m
 CROSS JOIN LATERAL :invoices AS i;

COMMENT ON VIEW reporting.invoices IS
    'Invoices and credit memos of providers that tell of them, each against what the files of the bill have that bears'
    ' its number. Receipts, and invoices that were cancelled, are none of them: see the breakdown invoice:not owed of'
    ' reporting.cost_breakdowns. Name a month.';
COMMENT ON COLUMN reporting.invoices.provider IS :'provider';
COMMENT ON COLUMN reporting.invoices.account IS
    'The account that was asked, by its name in the configuration; see sub_account_id for whose invoice it is.';
COMMENT ON COLUMN reporting.invoices.sub_account_id IS
    'The account that it was sent to, by the provider''s own id: of an organization the payer.';
COMMENT ON COLUMN reporting.invoices.month IS 'First day of its billing month, in UTC.';
COMMENT ON COLUMN reporting.invoices.invoice_id IS 'Its number: invoice_id of the lines of the bill.';
COMMENT ON COLUMN reporting.invoices.invoice_type IS 'The provider''s own word: INVOICE, CREDIT_MEMO.';
COMMENT ON COLUMN reporting.invoices.issued_on IS
    'Day in UTC of its issue; null where the provider does not say.';
COMMENT ON COLUMN reporting.invoices.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.invoices.total IS 'What it comes to, tax included; of a credit memo negative.';
COMMENT ON COLUMN reporting.invoices.before_tax IS 'What of it is no tax; null where the provider does not say.';
COMMENT ON COLUMN reporting.invoices.tax IS 'What of it is tax; null where the provider does not say.';
COMMENT ON COLUMN reporting.invoices.file_cost IS
    'BilledCost of the lines of files that bear its number, of whichever account; null where there is none.';
COMMENT ON COLUMN reporting.invoices.difference IS
    'total - file_cost = tax_difference + rounding + rest; null where no file has a line of it.';
COMMENT ON COLUMN reporting.invoices.tax_difference IS
    'What of it lies in tax; zero where the invoice does not tell its tax.';
COMMENT ON COLUMN reporting.invoices.rounding IS 'What is left of it, where that is less than a cent.';
COMMENT ON COLUMN reporting.invoices.rest IS :'unexplained';
COMMENT ON COLUMN reporting.invoices.details IS
    'What else was told: who has issued it, when it is due, what it comes to in the currency that is paid.';
COMMENT ON COLUMN reporting.invoices.run_id IS 'The collection that read it.';
