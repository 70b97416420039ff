-- Each step is looked up for what the one before it found. As joins, Postgres expects one row of most of them, since it
-- takes their conditions for independent of each other, and then compares everything with everything.
CREATE VIEW reporting.cost_summaries AS
SELECT b.provider, b.account, s.day, s.sub_account_id, m.service_name, m.region_id, m.charge_category,
       m.billing_currency, m.billing_period_start, m.lines,
       m.billed_cost, m.effective_cost, m.list_cost, m.contracted_cost,
       m.without_billed_cost, m.without_effective_cost, m.without_list_cost, m.without_contracted_cost,
       m.estimated, m.invoice_id
  FROM finfleet.cost_scopes AS s
 CROSS JOIN LATERAL (
           SELECT t.provider, t.account, c.settled_run
             FROM finfleet.collections AS c
             JOIN finfleet.targets AS t USING (target_id)
            WHERE c.target_id = s.target_id AND c.window_start = s.window_start
            LIMIT 1
       ) AS b
 CROSS JOIN LATERAL (
           SELECT *
             FROM finfleet.bill_summaries AS m
            WHERE m.run_id = b.settled_run AND m.day = s.day AND m.sub_account_id = s.sub_account_id
           OFFSET 0
       ) AS m
 WHERE s.counts
 UNION ALL
-- Bills that nobody has added up yet, by their lines.
SELECT b.provider, b.account, o.day, l.sub_account_id, l.service_name, l.region_id, l.charge_category,
       l.billing_currency, l.billing_period_start, l.lines::integer,
       l.billed_cost, l.effective_cost, l.list_cost, l.contracted_cost,
       l.no_billed::integer, l.no_effective::integer, l.no_listed::integer, l.no_contracted::integer,
       l.estimated, l.invoice_id
  FROM (SELECT DISTINCT target_id, window_start, day FROM finfleet.cost_scopes) AS o
 CROSS JOIN LATERAL (
           SELECT t.provider, t.account, c.settled_run
             FROM finfleet.collections AS c
             JOIN finfleet.targets AS t USING (target_id)
            WHERE c.target_id = o.target_id
              AND c.window_start = o.window_start
              AND NOT EXISTS (SELECT FROM finfleet.bills AS b WHERE b.run_id = c.settled_run AND b.lines IS NOT NULL)
            LIMIT 1
       ) AS b
 CROSS JOIN LATERAL (
           SELECT l.sub_account_id, l.service_name, l.region_id, l.charge_category, l.billing_currency,
                  l.billing_period_start, l.invoice_id,
                  sum(l.lines) AS lines,
                  sum(l.billed_cost) AS billed_cost,
                  sum(CASE WHEN l.billed_cost IS NULL THEN l.lines ELSE 0 END) AS no_billed,
                  sum(l.effective_cost) AS effective_cost,
                  sum(CASE WHEN l.effective_cost IS NULL THEN l.lines ELSE 0 END) AS no_effective,
                  sum(l.list_cost) AS list_cost,
                  sum(CASE WHEN l.list_cost IS NULL THEN l.lines ELSE 0 END) AS no_listed,
                  sum(l.contracted_cost) AS contracted_cost,
                  sum(CASE WHEN l.contracted_cost IS NULL THEN l.lines ELSE 0 END) AS no_contracted,
                  bool_or(l.estimated) AS estimated
             FROM finfleet.cost_lines AS l
            WHERE l.run_id = b.settled_run
              AND l.breakdown = ''
              AND (l.charge_period_start AT TIME ZONE 'UTC')::date = o.day
            GROUP BY l.sub_account_id, l.service_name, l.region_id, l.charge_category, l.billing_currency,
                     l.billing_period_start, l.invoice_id
       ) AS l
 WHERE EXISTS (
           SELECT
             FROM finfleet.cost_scopes AS s
            WHERE s.target_id = o.target_id
              AND s.window_start = o.window_start
              AND s.day = o.day
              AND s.sub_account_id = l.sub_account_id
              AND s.counts
       );

COMMENT ON VIEW reporting.cost_summaries IS
    'The bill by day, billed account, service, region, category, currency and month of the invoice: what the lines of'
    ' reporting.costs come to, to the last digit, at a hundredth of their number. A group may have several rows: add'
    ' them up, grouped by billing_currency. Name a range of day: it leads to the days that are read.';
COMMENT ON COLUMN reporting.cost_summaries.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_summaries.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_summaries.day IS :'charge_day';
COMMENT ON COLUMN reporting.cost_summaries.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.cost_summaries.service_name IS :'service_name';
COMMENT ON COLUMN reporting.cost_summaries.region_id IS :'region_id';
COMMENT ON COLUMN reporting.cost_summaries.charge_category IS :'charge_category';
COMMENT ON COLUMN reporting.cost_summaries.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.cost_summaries.billing_period_start IS :'billing_period_start';
COMMENT ON COLUMN reporting.cost_summaries.lines IS :'lines_of_sums';
COMMENT ON COLUMN reporting.cost_summaries.billed_cost IS :'billed_cost_sum';
COMMENT ON COLUMN reporting.cost_summaries.effective_cost IS :'effective_cost_sum';
COMMENT ON COLUMN reporting.cost_summaries.list_cost IS :'list_cost_sum';
COMMENT ON COLUMN reporting.cost_summaries.contracted_cost IS :'contracted_cost_sum';
COMMENT ON COLUMN reporting.cost_summaries.without_billed_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_summaries.without_effective_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_summaries.without_list_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_summaries.without_contracted_cost IS :'without_cost';
COMMENT ON COLUMN reporting.cost_summaries.estimated IS :'estimated';
COMMENT ON COLUMN reporting.cost_summaries.invoice_id IS :'invoice_id';
