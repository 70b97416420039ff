-- Takes back what 0003_costs.sql made.

DROP VIEW reporting.cost_history, reporting.daily_costs, reporting.cost_breakdowns, reporting.costs;
DROP TABLE finfleet.cost_lines;
