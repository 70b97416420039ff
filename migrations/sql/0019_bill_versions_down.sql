DROP FUNCTION IF EXISTS reporting.cost_changes, reporting.costs_as_of;
DROP VIEW IF EXISTS reporting.daily_costs, reporting.cost_reconciliation, reporting.cost_summaries, reporting.costs,
    reporting.cost_versions, reporting.cost_history_by_service, reporting.cost_history_by_resource,
    reporting.cost_history, reporting.bill_versions;
ALTER TABLE finfleet.bill_summaries DROP COLUMN invoice_id;
DROP TABLE finfleet.bills_left_out;
DROP TABLE finfleet.bill_versions;
