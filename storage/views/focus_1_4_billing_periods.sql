-- The ledger is asked once, and the lines once.
CREATE VIEW reporting.focus_1_4_billing_periods AS
WITH readings AS (
    SELECT f.provider, f.account, f.billing_period_start, f.billing_period_end, f.run_id,
           coalesce(f.details ->> 'InvoiceIssuerName', f.provider_name) AS invoice_issuer_name,
           max(f.collected_at) AS collected_at,
           bool_and(f.estimated IS FALSE OR f.invoice_id <> '') AS is_final
      FROM :focus_charges AS f
     GROUP BY 1, 2, 3, 4, 5, 6
),
days AS MATERIALIZED (
    SELECT "x_Provider" AS provider, "x_Account" AS account, "TimeSectorStart" AS day,
           bool_and("TimeSectorComplete") AS complete
      FROM reporting.focus_1_4_recency
     GROUP BY 1, 2, 3
)
SELECT p.created AS "BillingPeriodCreated",
       p.billing_period_end AS "BillingPeriodEnd",
       p.updated AS "BillingPeriodLastUpdated",
       p.billing_period_start AS "BillingPeriodStart",
       CASE WHEN p.is_final AND p.collected_at >= p.billing_period_end THEN 'Closed' ELSE 'Open' END
           AS "BillingPeriodStatus",
       p.invoice_issuer_name AS "InvoiceIssuerName",
       p.account AS "x_Account",
       coalesce(
           (
               SELECT bool_and(d.complete)
                  AND count(*) >= extract(epoch FROM p.billing_period_end - p.billing_period_start) / 86400
                 FROM days AS d
                WHERE d.provider = p.provider
                  AND d.account = p.account
                  AND d.day >= p.billing_period_start
                  AND d.day < p.billing_period_end
           ),
           false
       ) AS "x_Complete",
       p.provider AS "x_Provider",
       p.versions > 1 AS "x_Restated",
       p.versions AS "x_Versions"
  FROM (
        SELECT r.provider, r.account, r.billing_period_start, r.billing_period_end, r.invoice_issuer_name,
               min(coalesce(v.first, r.collected_at)) AS created, max(coalesce(v.last, r.collected_at)) AS updated,
               max(r.collected_at) AS collected_at, bool_and(r.is_final) AS is_final,
               greatest(max(v.versions), 1) AS versions
          FROM readings AS r
         CROSS JOIN LATERAL (
                   SELECT min(o.since) AS first, max(o.since) AS last, count(*) AS versions
                     FROM finfleet.bill_versions AS v
                     JOIN finfleet.bill_versions AS o USING (window_start, target_id)
                    WHERE v.run_id = r.run_id
               ) AS v
         GROUP BY r.provider, r.account, r.billing_period_start, r.billing_period_end, r.invoice_issuer_name
       ) AS p;

COMMENT ON VIEW reporting.focus_1_4_billing_periods IS
    'The billing periods of reporting.focus_1_4, as the dataset Billing Period of FOCUS 1.4: one of each account and'
    ' issuer, and whether it is complete and was restated. It reads all lines that there are. Name one x_Provider.';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."BillingPeriodCreated" IS
    'When something of it was the bill first, in UTC. When the provider opened it is not known.';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."BillingPeriodEnd" IS :'in_focus_billing_period_end';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."BillingPeriodLastUpdated" IS
    'When another version of a part of it became the bill last, in UTC.';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."BillingPeriodStart" IS
    'Beginning of the billing period, in UTC. Where the provider does not say, that of the month of the charges.';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."BillingPeriodStatus" IS
    'Closed: it was read after its end, and the provider says of each charge that it is final, or on which invoice it'
    ' is. Open: any other.';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."InvoiceIssuerName" IS :'in_focus_invoice_issuer_name';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."x_Account" IS :'asked_account';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."x_Complete" IS
    'Whether each day of it is complete: reporting.focus_1_4_recency.';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."x_Provider" IS :'provider';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."x_Restated" IS
    'Whether a part of it was read again and replaced.';
COMMENT ON COLUMN reporting.focus_1_4_billing_periods."x_Versions" IS
    'How many readings of one of its windows were the bill, one after the other; of the window that has most.';
