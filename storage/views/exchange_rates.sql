CREATE VIEW reporting.exchange_rates AS
SELECT source, day, base, quote, rate, valid_until, loaded_at AS known_from, replaced_at AS known_until
  FROM finfleet.exchange_rates;

COMMENT ON VIEW reporting.exchange_rates IS
    'What one unit of base was worth in quote, by day and source: those that count (known_until is null), and those'
    ' that were corrected. Name a range of day.';
COMMENT ON COLUMN reporting.exchange_rates.source IS
    'Whose rates they are: ecb, table or the name they were loaded under; bill/PROVIDER: the provider''s bills name'
    ' them.';
COMMENT ON COLUMN reporting.exchange_rates.day IS 'The day that the rate was published for.';
COMMENT ON COLUMN reporting.exchange_rates.base IS 'ISO 4217: of one unit of it.';
COMMENT ON COLUMN reporting.exchange_rates.quote IS 'ISO 4217: in units of it.';
COMMENT ON COLUMN reporting.exchange_rates.rate IS 'Units of quote for one of base, exact.';
COMMENT ON COLUMN reporting.exchange_rates.valid_until IS
    'Until when it is used where no later rate is there, not included: after weekends and holidays, and not for ever.';
COMMENT ON COLUMN reporting.exchange_rates.known_from IS 'When it was loaded, in UTC.';
COMMENT ON COLUMN reporting.exchange_rates.known_until IS
    'When another rate of the day took its place, in UTC; null: it counts.';
