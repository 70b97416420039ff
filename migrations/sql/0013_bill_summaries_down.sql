DROP VIEW IF EXISTS reporting.daily_costs, reporting.cost_summaries, reporting.cost_history;
DROP TABLE finfleet.bill_summaries;
DROP TABLE finfleet.bills;
DROP INDEX finfleet.cost_scopes_left_out_idx;
