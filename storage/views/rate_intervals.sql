CREATE VIEW reporting.rate_intervals AS
WITH recent AS (
    -- Not folded yet: each rate that goes on from the one before it belongs to the same interval.
    SELECT resource_id, period, phase, min(start) AS start, max(start) + make_interval(secs => period) AS until,
           amount, currency, basis, resource_type
      FROM (
            SELECT *,
                   count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_id, period, phase ORDER BY start) AS piece
              FROM (
                    SELECT *,
                           (start, amount, scale(amount), currency, basis, resource_type) IS DISTINCT FROM
                           (lag(start) OVER own + make_interval(secs => period), lag(amount) OVER own,
                            lag(scale(amount)) OVER own, lag(currency) OVER own, lag(basis) OVER own,
                            lag(resource_type) OVER own) AS begins
                      FROM (
                            SELECT *, (extract(epoch FROM start)::bigint % period)::integer AS phase
                              FROM finfleet.cost_rates
                           ) AS c
                    WINDOW own AS (PARTITION BY resource_id, period, phase ORDER BY start)
                   ) AS c
           ) AS c
     GROUP BY resource_id, period, phase, piece, amount, currency, basis, resource_type
),
first AS (
    SELECT resource_id, period, phase, min(start) AS start FROM recent GROUP BY resource_id, period, phase
)
SELECT r.provider, r.account, r.region, r.service, r.provider_id AS resource_id, r.name,
       i.resource_type AS type, i.start, i.until, i.amount, i.currency, i.basis,
       make_interval(secs => i.period) AS period, r.source
  FROM (
        SELECT resource_id, period, start, until, amount, currency, basis, resource_type
          FROM recent
         UNION ALL
        SELECT f.resource_id, f.period, f.start, f.until, f.amount, f.currency, f.basis, f.resource_type
          FROM finfleet.rate_intervals AS f
          LEFT JOIN first USING (resource_id, period, phase)
         WHERE first.start IS NULL OR first.start >= f.until
         UNION ALL
        -- What came late lies over what is folded, and cuts it.
        SELECT f.resource_id, f.period, piece.start, piece.until, f.amount, f.currency, f.basis, f.resource_type
          FROM finfleet.rate_intervals AS f
          JOIN first USING (resource_id, period, phase)
         CROSS JOIN LATERAL (
                   SELECT coalesce(max(o.until) OVER earlier, f.start) AS start, o.start AS until
                     FROM (
                           SELECT o.start, o.until
                             FROM recent AS o
                            WHERE o.resource_id = f.resource_id
                              AND o.period = f.period
                              AND o.phase = f.phase
                              AND o.start < f.until
                              AND o.until > f.start
                           UNION ALL
                           SELECT f.until, f.until
                          ) AS o
                   WINDOW earlier AS (ORDER BY o.start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
               ) AS piece
         WHERE first.start < f.until AND piece.start < piece.until
       ) AS i
  JOIN finfleet.resources AS r USING (resource_id);

COMMENT ON VIEW reporting.rate_intervals IS
    'What each resource cost an hour, a row for each time over which price, state and type stayed the same: the same'
    ' figures as in reporting.cost_per_hour. A time between two rows was not collected, or has no known price: that is'
    ' not zero. A month has rows of its own, and so have the last hours: what goes on may be cut'
    ' there. For a span, ask for start < its end AND until > its beginning. Money for it: amount * extract(epoch'
    ' FROM least(until, its end) - greatest(start, its beginning)) / 3600, added up by currency.';
COMMENT ON COLUMN reporting.rate_intervals.provider IS :'provider';
COMMENT ON COLUMN reporting.rate_intervals.account IS :'provider_account';
COMMENT ON COLUMN reporting.rate_intervals.region IS :'region';
COMMENT ON COLUMN reporting.rate_intervals.service IS :'service';
COMMENT ON COLUMN reporting.rate_intervals.resource_id IS :'resource_id';
COMMENT ON COLUMN reporting.rate_intervals.name IS :'name';
COMMENT ON COLUMN reporting.rate_intervals.type IS
    :'rate_type';
COMMENT ON COLUMN reporting.rate_intervals.start IS 'UTC. From then on, included.';
COMMENT ON COLUMN reporting.rate_intervals.until IS 'UTC. Up to then, excluded.';
COMMENT ON COLUMN reporting.rate_intervals.amount IS :'hourly_amount';
COMMENT ON COLUMN reporting.rate_intervals.currency IS :'rate_currency';
COMMENT ON COLUMN reporting.rate_intervals.basis IS :'rate_basis';
COMMENT ON COLUMN reporting.rate_intervals.period IS 'Length of each of the rates that this one is made of.';
COMMENT ON COLUMN reporting.rate_intervals.source IS
    'The source that pushed the rate (generic.sources); empty for what finfleet collects.';
