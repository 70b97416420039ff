-- Month by month, so that a condition on the month leads to its windows and days; within a month all is added up first,
-- and compared then.
CREATE VIEW reporting.cost_reconciliation AS
SELECT r.provider, r.sub_account_id, m.month, r.billing_currency, r.file_cost, r.api_cost, r.invoice_cost,
       r.file_cost - r.api_cost AS difference,
       CASE WHEN r.both THEN r.tax END AS tax,
       CASE WHEN r.both THEN r.credits END AS credits,
       CASE WHEN r.both THEN r.timing END AS timing,
       CASE WHEN r.both THEN r.rounding END AS rounding,
       CASE WHEN r.both THEN r.file_cost - r.api_cost - r.tax - r.credits - r.timing - r.rounding END AS rest,
       r.file_cost - r.invoice_cost AS not_invoiced,
       r.file_days, r.api_days, r.file_targets, r.api_targets,
       concat_ws(
           '; ',
           CASE WHEN r.file_cost IS NULL THEN 'no file tells of it' END,
           CASE WHEN m.month_end > now() THEN 'the month is not over' END,
           CASE WHEN r.file_estimated THEN 'some amounts are estimates' END,
           CASE WHEN r.file_without > 0 THEN format('%s lines do not tell their cost', r.file_without) END,
           CASE WHEN r.api_only > 0 AND r.file_targets IS NOT NULL
                THEN format('%s days are missing that the API tells of', r.api_only) END,
           (
               SELECT string_agg(
                          concat_ws(': ', format('the delivery of %s is %s', d.target, d.state), nullif(d.reason, '')),
                          '; ' ORDER BY d.target, d.version
                      )
                 FROM reporting.deliveries AS d
                WHERE d.period_start >= m.month_start
                  AND d.period_start < m.month_end
                  AND d.state NOT IN ('current', 'superseded')
                  AND d.target = ANY(r.file_targets)
           )
       ) AS file_incomplete,
       concat_ws(
           '; ',
           CASE WHEN r.api_cost IS NULL THEN 'no API tells of it' END,
           CASE WHEN m.month_end > now() THEN 'the month is not over' END,
           CASE WHEN r.api_estimated THEN 'some amounts are estimates' END,
           CASE WHEN r.api_without > 0 THEN format('%s lines do not tell their cost', r.api_without) END,
           CASE WHEN r.file_only > 0 AND r.api_targets IS NOT NULL
                THEN format('%s days are missing that the file tells of', r.file_only) END,
           (
               SELECT format('%s windows are not read, or not whole', count(*))
                 FROM finfleet.collections AS c
                WHERE c.target_id = ANY(r.api_target_ids)
                  AND c.window_start >= m.month_start
                  AND c.window_start < m.month_end
                  AND (c.state NOT IN ('complete', 'empty') OR c.partial <> '' OR c.error <> '')
               HAVING count(*) > 0
           )
       ) AS api_incomplete,
       r.invoice_types, r.invoice_total, r.invoice_tax, r.invoice_file_cost,
       r.invoice_total - r.invoice_file_cost AS invoice_difference,
       r.invoice_tax_difference, r.invoice_rounding, r.invoice_rest,
       CASE
           WHEN r.invoice_total IS NULL THEN 'no invoice is told'
           ELSE concat_ws(
               '; ',
               CASE WHEN m.month_end > now() THEN 'the month is not over' END,
               CASE WHEN r.invoices_not_in_file > 0
                    THEN format('%s invoices have no line in a file', r.invoices_not_in_file) END,
               nullif(r.invoice_partial, '')
           )
       END AS invoice_incomplete
  FROM (
        SELECT month::date AS month,
               (month + interval '1 month')::date AS next_month,
               month AT TIME ZONE 'UTC' AS month_start,
               (month + interval '1 month') AT TIME ZONE 'UTC' AS month_end
          FROM (SELECT min(day) AS first_day, max(day) AS last_day FROM finfleet.cost_scopes) AS s
         CROSS JOIN LATERAL generate_series(
                   date_trunc('month', s.first_day::timestamp), s.last_day::timestamp, interval '1 month'
               ) AS month
       ) AS m
 CROSS JOIN LATERAL (
           SELECT x.provider, min(x.sub_account_id) AS sub_account_id, x.billing_currency,
                  sum(x.file_cost) AS file_cost, sum(x.api_cost) AS api_cost, sum(x.invoice_cost) AS invoice_cost,
                  sum(x.file_cost) IS NOT NULL AND sum(x.api_cost) IS NOT NULL AS both,
                  coalesce(sum(x.difference) FILTER (WHERE NOT x.common), 0) AS timing,
                  coalesce(sum(x.difference) FILTER (WHERE x.common AND x.kind = 'Tax'), 0) AS tax,
                  coalesce(sum(x.difference) FILTER (WHERE x.common AND x.kind = 'Credit'), 0) AS credits,
                  coalesce(
                      sum(x.difference) FILTER (WHERE x.common AND x.kind = '' AND abs(x.difference) < 0.01), 0
                  ) AS rounding,
                  count(DISTINCT x.day) FILTER (WHERE x.file_day) AS file_days,
                  count(DISTINCT x.day) FILTER (WHERE x.api_day) AS api_days,
                  count(DISTINCT x.day) FILTER (WHERE x.file_day AND NOT x.api_day) AS file_only,
                  count(DISTINCT x.day) FILTER (WHERE x.api_day AND NOT x.file_day) AS api_only,
                  bool_or(x.file_estimated) AS file_estimated, bool_or(x.api_estimated) AS api_estimated,
                  sum(x.file_without) AS file_without, sum(x.api_without) AS api_without,
                  sum(x.invoice_total) AS invoice_total, sum(x.invoice_tax) AS invoice_tax,
                  CASE WHEN sum(x.invoices_not_in_file) = 0 THEN sum(x.invoice_file_cost) END AS invoice_file_cost,
                  CASE WHEN sum(x.invoices_not_in_file) = 0 THEN sum(x.tax_difference) END AS invoice_tax_difference,
                  CASE WHEN sum(x.invoices_not_in_file) = 0 THEN sum(x.rounding_difference) END AS invoice_rounding,
                  CASE WHEN sum(x.invoices_not_in_file) = 0 THEN sum(x.rest_difference) END AS invoice_rest,
                  coalesce(sum(x.invoices_not_in_file), 0) AS invoices_not_in_file,
                  string_agg(x.invoice_types, ', ') AS invoice_types, max(x.invoice_partial) AS invoice_partial,
                  array_agg(DISTINCT x.file_target) FILTER (WHERE x.file_target IS NOT NULL) AS file_targets,
                  array_agg(DISTINCT x.api_target) FILTER (WHERE x.api_target IS NOT NULL) AS api_targets,
                  array_agg(DISTINCT x.api_target_id) FILTER (WHERE x.api_target_id IS NOT NULL) AS api_target_ids
             FROM (
                   SELECT w.provider, w.whose, min(w.sub_account_id) AS sub_account_id, w.billing_currency, w.day,
                          w.kind, w.file_day, w.api_day, w.common,
                          sum(w.cost) FILTER (WHERE w.is_file) AS file_cost,
                          sum(w.cost) FILTER (WHERE NOT w.is_file) AS api_cost,
                          coalesce(sum(w.cost) FILTER (WHERE w.is_file), 0)
                              - coalesce(sum(w.cost) FILTER (WHERE NOT w.is_file), 0) AS difference,
                          sum(w.invoice_cost) AS invoice_cost,
                          sum(w.total) AS invoice_total,
                          -- Where one does not tell its tax, that of all is not known.
                          CASE WHEN count(w.total) = count(w.tax) THEN sum(w.tax) END AS invoice_tax,
                          sum(w.invoice_file_cost) AS invoice_file_cost,
                          sum(w.tax_difference) AS tax_difference,
                          coalesce(sum(w.other_difference) FILTER (WHERE abs(w.other_difference) < 0.01), 0)
                              AS rounding_difference,
                          coalesce(sum(w.other_difference) FILTER (WHERE abs(w.other_difference) >= 0.01), 0)
                              AS rest_difference,
                          CASE WHEN count(w.total) > 0
                               THEN count(w.total) FILTER (WHERE w.invoice_file_cost IS NULL) END
                              AS invoices_not_in_file,
                          string_agg(DISTINCT w.invoice_type, ', ' ORDER BY w.invoice_type) AS invoice_types,
                          max(w.invoice_partial) AS invoice_partial,
                          bool_or(w.estimated) FILTER (WHERE w.is_file) AS file_estimated,
                          bool_or(w.estimated) FILTER (WHERE NOT w.is_file) AS api_estimated,
                          sum(w.without) FILTER (WHERE w.is_file) AS file_without,
                          sum(w.without) FILTER (WHERE NOT w.is_file) AS api_without,
                          min(w.target) FILTER (WHERE w.is_file) AS file_target,
                          min(w.target) FILTER (WHERE NOT w.is_file) AS api_target,
                          min(w.target_id) FILTER (WHERE NOT w.is_file) AS api_target_id
                     FROM (
                           SELECT u.*, u.own AND u.file_day AND u.api_day AS common
                             FROM (
                                   SELECT c.*,
                                          c.in_month AND bool_or(c.is_file) OVER same AS file_day,
                                          c.in_month AND bool_or(NOT c.is_file) OVER same AS api_day
                                     FROM :reconciled_costs AS c
                                   WINDOW same AS (PARTITION BY c.provider, c.whose, c.day)
                                  ) AS u
                          ) AS w
                    GROUP BY w.provider, w.whose, w.billing_currency, w.day, w.kind, w.file_day, w.api_day, w.common
                  ) AS x
            GROUP BY x.provider, x.whose, x.billing_currency
       ) AS r;

COMMENT ON VIEW reporting.cost_reconciliation IS
    'Per account, month and currency what the files of the bill say against what the API says, and against the'
    ' invoice, and of what kinds the difference is, whichever of them counts (reporting.cost_sources). Where one'
    ' account has several of a kind, the one is compared that counts, or comes first. A file of a provider whose'
    ' bills are by the month of the invoice tells of that. What is incomplete says so: then the difference is no'
    ' finding yet. Name a month.';
COMMENT ON COLUMN reporting.cost_reconciliation.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_reconciliation.sub_account_id IS
    'The provider''s own id of the account, subscription or project; empty for charges that name none.';
COMMENT ON COLUMN reporting.cost_reconciliation.month IS
    'First day of the month, in UTC: of a file its billing period, of an API the days of its charges.';
COMMENT ON COLUMN reporting.cost_reconciliation.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_reconciliation.file_cost IS
    'BilledCost of the file''s billing period; null where no file tells of it.';
COMMENT ON COLUMN reporting.cost_reconciliation.api_cost IS
    'BilledCost of the days of the month by the API; null where none tells of it.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_cost IS
    'Of file_cost what bears the number of an invoice; null where nothing does.';
COMMENT ON COLUMN reporting.cost_reconciliation.difference IS
    'file_cost - api_cost = tax + credits + timing + rounding + rest; null where one side is missing.';
COMMENT ON COLUMN reporting.cost_reconciliation.tax IS
    'Of the difference what lies in charges of category Tax, on days that both tell of.';
COMMENT ON COLUMN reporting.cost_reconciliation.credits IS
    'What lies in those of category Credit, on days that both tell of.';
COMMENT ON COLUMN reporting.cost_reconciliation.timing IS
    'What is of days that only one side tells of, or on the invoice of another month than its day.';
COMMENT ON COLUMN reporting.cost_reconciliation.rounding IS
    'What comes of days on which all other charges differ by less than a cent.';
COMMENT ON COLUMN reporting.cost_reconciliation.rest IS :'unexplained';
COMMENT ON COLUMN reporting.cost_reconciliation.not_invoiced IS
    'file_cost - invoice_cost: what the file has, and no invoice yet.';
COMMENT ON COLUMN reporting.cost_reconciliation.file_days IS 'Days of the month that the file tells of.';
COMMENT ON COLUMN reporting.cost_reconciliation.api_days IS 'Days of it that the API tells of.';
COMMENT ON COLUMN reporting.cost_reconciliation.file_targets IS
    'Whose files are compared: provider/account/export/service.';
COMMENT ON COLUMN reporting.cost_reconciliation.api_targets IS 'With which targets that ask an API.';
COMMENT ON COLUMN reporting.cost_reconciliation.file_incomplete IS
    'Why file_cost may not be the whole; empty where nothing is known to be missing.';
COMMENT ON COLUMN reporting.cost_reconciliation.api_incomplete IS
    'Why api_cost may not be; empty where nothing is known to be missing.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_types IS
    'What the provider has sent to the account for the month: INVOICE, CREDIT_MEMO; null where no invoice is told.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_total IS
    'What these come to, by themselves: what is credited is negative. Null where no invoice is told. The invoice of a'
    ' payer is of all its members: it is in the line of the payer, with all that bears its number.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_tax IS
    'What of invoice_total is tax; null where one of them does not say.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_file_cost IS
    'BilledCost of all lines of files that bear their numbers, of whichever account; null where one of them has none.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_difference IS
    'invoice_total - invoice_file_cost = invoice_tax_difference + invoice_rounding + invoice_rest.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_tax_difference IS
    'Of it what lies in tax, of the invoices that tell theirs.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_rounding IS
    'What comes of invoices of which all but the tax differs by less than a cent.';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_rest IS :'unexplained';
COMMENT ON COLUMN reporting.cost_reconciliation.invoice_incomplete IS
    'Why there is no invoice, or why the comparison may not be whole; empty where nothing is known to be missing.';
