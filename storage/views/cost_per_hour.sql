CREATE VIEW reporting.cost_per_hour AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       c.resource_type AS type, c.start, make_interval(secs => c.period) AS period, c.amount, c.currency, c.basis
  FROM finfleet.cost_rates AS c
  JOIN finfleet.resources AS r USING (resource_id);

COMMENT ON VIEW reporting.cost_per_hour IS
    'What each resource cost an hour while in the state that it had over the period: a list price, not a bill. An'
    ' unknown price has no row: that is not zero. Amounts of different currencies cannot be added: group by'
    ' currency. Money for a time: amount * extract(epoch FROM period) / 3600. Name a range of start.';
COMMENT ON COLUMN reporting.cost_per_hour.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_per_hour.account IS :'provider_account';
COMMENT ON COLUMN reporting.cost_per_hour.region IS :'region';
COMMENT ON COLUMN reporting.cost_per_hour.service IS 'The collected service: ec2 ...';
COMMENT ON COLUMN reporting.cost_per_hour.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.cost_per_hour.name IS :'name';
COMMENT ON COLUMN reporting.cost_per_hour.type IS
    'The kind that the resource was of at that time (m5.large): it may have been resized since.';
COMMENT ON COLUMN reporting.cost_per_hour.start IS
    'UTC. The rate holds from start, included, to start + period, excluded.';
COMMENT ON COLUMN reporting.cost_per_hour.period IS 'Length of the time that the rate holds for.';
COMMENT ON COLUMN reporting.cost_per_hour.amount IS
    'Per hour, in currency, exact. Zero only where it is known to be free, as the compute of a stopped instance.';
COMMENT ON COLUMN reporting.cost_per_hour.currency IS 'ISO 4217: USD, EUR ...';
COMMENT ON COLUMN reporting.cost_per_hour.basis IS 'Where the amount comes from: on_demand_list, spot, stopped ...';
