DROP VIEW IF EXISTS reporting.focus_1_2, reporting.focus_1_4, reporting.focus_1_4_billing_periods,
                    reporting.focus_1_4_recency;
