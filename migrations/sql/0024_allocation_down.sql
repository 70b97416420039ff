DROP FUNCTION IF EXISTS reporting.costs_in, reporting.team_costs_in, reporting.conversion;
DROP VIEW IF EXISTS reporting.unallocated_costs, reporting.allocated_costs, reporting.allocation_months,
    reporting.exchange_rates;
DROP TABLE finfleet.exchange_rates;
DROP TABLE finfleet.allocations;
DROP TABLE finfleet.allocation_owners;
DROP TABLE finfleet.allocation_runs;
DROP TABLE finfleet.allocation_versions;
DROP TABLE finfleet.allocation_rules;
