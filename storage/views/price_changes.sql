CREATE VIEW reporting.price_changes AS
SELECT provider, account, region, service, resource_id, name, former_until, start AS changed_at,
       former_type, type AS new_type, former_amount, amount AS new_amount, former_currency, currency AS new_currency,
       former_basis, basis AS new_basis
  FROM (
        SELECT *,
               lag(until) OVER own AS former_until,
               lag(type) OVER own AS former_type,
               lag(amount) OVER own AS former_amount,
               lag(currency) OVER own AS former_currency,
               lag(basis) OVER own AS former_basis
          FROM reporting.rate_intervals
        -- What tells most rows apart comes first: it is what they are sorted by.
        WINDOW own AS (PARTITION BY resource_id, account, region, service, provider, source, period ORDER BY start)
       ) AS i
 WHERE former_until IS NOT NULL
   AND (type, amount, currency, basis) IS DISTINCT FROM (former_type, former_amount, former_currency, former_basis);

COMMENT ON VIEW reporting.price_changes IS
    'When the hourly price of a resource, its type or its state changed, and from what to what. It was seen at'
    ' changed_at; where former_until is earlier, what lies between was not collected, and it changed somewhere in it.'
    ' Name a range of changed_at.';
COMMENT ON COLUMN reporting.price_changes.provider IS :'provider';
COMMENT ON COLUMN reporting.price_changes.account IS :'provider_account';
COMMENT ON COLUMN reporting.price_changes.region IS :'region';
COMMENT ON COLUMN reporting.price_changes.service IS :'service';
COMMENT ON COLUMN reporting.price_changes.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.price_changes.name IS :'name';
COMMENT ON COLUMN reporting.price_changes.former_until IS 'UTC. Up to when the former price is known to have held.';
COMMENT ON COLUMN reporting.price_changes.changed_at IS 'UTC. From when the new one is known to hold.';
COMMENT ON COLUMN reporting.price_changes.former_type IS 'The kind that the resource was of before.';
COMMENT ON COLUMN reporting.price_changes.new_type IS 'The kind that it is of since: another one where it was resized.';
COMMENT ON COLUMN reporting.price_changes.former_amount IS 'Per hour, in former_currency, before.';
COMMENT ON COLUMN reporting.price_changes.new_amount IS 'Per hour, in new_currency, since.';
COMMENT ON COLUMN reporting.price_changes.former_currency IS :'rate_currency';
COMMENT ON COLUMN reporting.price_changes.new_currency IS :'rate_currency';
COMMENT ON COLUMN reporting.price_changes.former_basis IS :'rate_basis';
COMMENT ON COLUMN reporting.price_changes.new_basis IS :'rate_basis';
