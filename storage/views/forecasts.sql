CREATE VIEW reporting.forecasts AS
SELECT of, provider, name, billing_currency, month, actual AS actual_cost, expected AS expected_cost,
       CASE WHEN expected_days = 0 THEN actual ELSE actual + expected END AS total_cost,
       low AS low_cost, high AS high_cost, round(error, 4) AS error_share, round(naive_error, 4) AS naive_error_share,
       tries, method, known_days, expected_days, known_until,
       left_out AS accounts_left_out, cost, made_at
  FROM finfleet.forecasts;

COMMENT ON VIEW reporting.forecasts IS
    'What this month and the next three will come to, by currency: the days whose bill is whole, and a forecast of the'
    ' others, with how far such forecasts were off before (docs/forecasts.md). Forecasts of accounts add up to those of'
    ' their provider and of all. Name one of.';
COMMENT ON COLUMN reporting.forecasts.of IS 'What it is of: all, provider, account, service or team.';
COMMENT ON COLUMN reporting.forecasts.provider IS
    'The provider; empty where it is of all, or of a team.';
COMMENT ON COLUMN reporting.forecasts.name IS
    'The billed account, the service, the team (docs/allocation.md) or the provider; empty where it is of all.';
COMMENT ON COLUMN reporting.forecasts.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.forecasts.month IS 'The first day of the month.';
COMMENT ON COLUMN reporting.forecasts.actual_cost IS 'What the days cost whose bill is whole: known_days of them.';
COMMENT ON COLUMN reporting.forecasts.expected_cost IS
    'What the other days of the month will cost: an estimate, to the cent. Null: too little is known to say.';
COMMENT ON COLUMN reporting.forecasts.total_cost IS
    'What the month will come to: actual_cost and expected_cost. Null: not known.';
COMMENT ON COLUMN reporting.forecasts.low_cost IS
    'Eight of ten months like this one came to no less than this and no more than high_cost, by its tries. Null: there'
    ' are fewer than eight.';
COMMENT ON COLUMN reporting.forecasts.high_cost IS 'See low_cost.';
COMMENT ON COLUMN reporting.forecasts.error_share IS
    'By what share of what came the forecast of such days was off, on the days of the past on which it was tried. Null:'
    ' there are fewer than eight.';
COMMENT ON COLUMN reporting.forecasts.naive_error_share IS
    'The same of the last week carried on as it is: what a forecast has to be better than.';
COMMENT ON COLUMN reporting.forecasts.tries IS 'On how many days of the past it was tried.';
COMMENT ON COLUMN reporting.forecasts.method IS
    'level: the level that holds now, a trend that fades, weekdays, and what recurs each month. seasonal naive: the'
    ' last week carried on, where that was less off. mean: that of fewer than 28 days. several: accounts differ.'
    ' Empty: the month is known, or nothing is.';
COMMENT ON COLUMN reporting.forecasts.known_days IS
    'Days of the month whose bill is whole; of several accounts those of the one that is least known.';
COMMENT ON COLUMN reporting.forecasts.expected_days IS 'Days of the month that are forecast; as known_days.';
COMMENT ON COLUMN reporting.forecasts.known_until IS
    'The newest day whose bill is whole; of several accounts that of the one that is least known.';
COMMENT ON COLUMN reporting.forecasts.accounts_left_out IS
    'Accounts that are in none of the figures, since too little is known of them, or nothing for 45 days.';
COMMENT ON COLUMN reporting.forecasts.cost IS
    'Which cost it is: effective_cost, or billed_cost of accounts whose bills do not tell that of all lines.';
COMMENT ON COLUMN reporting.forecasts.made_at IS 'When it was made, in UTC.';
