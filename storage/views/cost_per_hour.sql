CREATE VIEW reporting.cost_per_hour AS
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       c.resource_type AS type, c.start, make_interval(secs => c.period) AS period, c.amount, c.currency, c.basis
  FROM finfleet.cost_rates AS c
  JOIN finfleet.resources AS r USING (resource_id)
 UNION ALL
-- Of what is folded, one row for each rate again, but for those that a row counts over.
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       i.resource_type AS type, s.start, make_interval(secs => i.period) AS period, i.amount, i.currency, i.basis
  FROM finfleet.rate_starts AS s
  JOIN finfleet.rate_intervals AS i
    ON i.month = s.month
   AND i.period = s.period
   AND i.phase = s.phase
   AND i.start <= s.start
   AND i.until > s.start
  JOIN finfleet.resources AS r USING (resource_id)
 WHERE NOT EXISTS (
           SELECT
             FROM (
                   SELECT resource_id, start, period
                     FROM finfleet.cost_rates
                    WHERE start <= (SELECT max(start) FROM finfleet.rate_starts)
                   OFFSET 0 -- Few, if any: they are looked up in memory.
                  ) AS late
            WHERE late.resource_id = i.resource_id AND late.start = s.start AND late.period = i.period
       );

COMMENT ON VIEW reporting.cost_per_hour IS
    'What each resource cost an hour while in the state that it had over the period: a list price, not a bill. An'
    ' unknown price has no row: that is not zero. Amounts of different currencies cannot be added: group by'
    ' currency. Money for a time: amount * extract(epoch FROM period) / 3600. Name a'
    ' range of start of some hours; for longer, reporting.rate_intervals has the same in a thousandth of the rows.';
COMMENT ON COLUMN reporting.cost_per_hour.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_per_hour.account IS :'provider_account';
COMMENT ON COLUMN reporting.cost_per_hour.region IS :'region';
COMMENT ON COLUMN reporting.cost_per_hour.service IS 'The collected service: ec2 ...';
COMMENT ON COLUMN reporting.cost_per_hour.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.cost_per_hour.name IS :'name';
COMMENT ON COLUMN reporting.cost_per_hour.type IS
    :'rate_type';
COMMENT ON COLUMN reporting.cost_per_hour.start IS
    'UTC. The rate holds from start, included, to start + period, excluded.';
COMMENT ON COLUMN reporting.cost_per_hour.period IS 'Length of the time that the rate holds for.';
COMMENT ON COLUMN reporting.cost_per_hour.amount IS :'hourly_amount';
COMMENT ON COLUMN reporting.cost_per_hour.currency IS :'rate_currency';
COMMENT ON COLUMN reporting.cost_per_hour.basis IS :'rate_basis';
