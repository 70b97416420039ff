CREATE VIEW reporting.anomalies AS
SELECT a.anomaly_id, a.provider, a.sub_account_id, a.billing_currency, a.first_day, a.last_day, a.kind,
       a.expected_cost, a.actual_cost, a.actual_cost - a.expected_cost AS excess_cost,
       round((a.actual_cost - a.expected_cost) / nullif(abs(a.expected_cost), 0), 4) AS excess_share,
       a.services, coalesce(n.state, 'open') AS state, coalesce(n.note, '') AS note,
       coalesce(n.noted_by, '') AS noted_by, n.noted_at, a.found_at, a.withdrawn_at
  FROM (
        SELECT anomaly_id,
               min(provider) AS provider,
               min(sub_account_id) AS sub_account_id,
               min(billing_currency) AS billing_currency,
               min(first_day) AS first_day,
               max(last_day) AS last_day,
               CASE WHEN bool_or(kind = 'shift') THEN 'shift' ELSE 'spike' END AS kind,
               sum(expected) AS expected_cost,
               sum(actual) AS actual_cost,
               jsonb_agg(
                   jsonb_build_object('service_name', service_name, 'kind', kind, 'last_day', last_day, 'days', days,
                                      'cost', cost, 'expected', expected, 'actual', actual,
                                      'excess', actual - expected)
                   ORDER BY abs(actual - expected) DESC, service_name
               ) AS services,
               min(found_at) AS found_at,
               max(withdrawn_at) AS withdrawn_at
          FROM (
                -- What holds of it; of one that is withdrawn whole, what it was.
                SELECT *, bool_and(withdrawn_at IS NOT NULL) OVER (PARTITION BY anomaly_id) AS gone
                  FROM finfleet.anomalies
               ) AS one
         WHERE one.withdrawn_at IS NULL OR one.gone
         GROUP BY anomaly_id
       ) AS a
  LEFT JOIN LATERAL (
           SELECT * FROM finfleet.anomaly_notes AS n WHERE n.anomaly_id = a.anomaly_id ORDER BY n.noted_at DESC LIMIT 1
       ) AS n ON true;

COMMENT ON VIEW reporting.anomalies IS
    'Days on which usage in an account cost something else than the days before led to expect, by account, currency and'
    ' first day. Only days whose bill is whole are judged, and what is expected is an estimate'
    ' (docs/anomalies.md). reporting.anomaly_resources tells which resources. Name a range of first_day.';
COMMENT ON COLUMN reporting.anomalies.anomaly_id IS 'Its id, which stays the same when the bill is read again.';
COMMENT ON COLUMN reporting.anomalies.provider IS :'provider';
COMMENT ON COLUMN reporting.anomalies.sub_account_id IS :'sub_account_id';
COMMENT ON COLUMN reporting.anomalies.billing_currency IS :'billing_currency';
COMMENT ON COLUMN reporting.anomalies.first_day IS 'The first of its days, in UTC.';
COMMENT ON COLUMN reporting.anomalies.last_day IS
    'The last of its days; of a shift the one on which it was taken for the new level.';
COMMENT ON COLUMN reporting.anomalies.kind IS
    'spike: the costs are back to what they were, or it is too new to tell. shift: they have stayed.';
COMMENT ON COLUMN reporting.anomalies.expected_cost IS
    'What its services were expected to cost on its days together: an estimate, to the cent.';
COMMENT ON COLUMN reporting.anomalies.actual_cost IS
    'What they cost: effective_cost, or billed_cost where the bill does not tell that; services says which.';
COMMENT ON COLUMN reporting.anomalies.excess_cost IS 'actual_cost less expected_cost; negative: it cost less.';
COMMENT ON COLUMN reporting.anomalies.excess_share IS
    'excess_cost as a share of expected_cost; null where nothing was expected.';
COMMENT ON COLUMN reporting.anomalies.services IS
    'What each service has to do with it, the greatest first: a list of objects with service_name, kind, last_day,'
    ' days (those that are judged), cost (the column of the bill), expected, actual and excess.';
COMMENT ON COLUMN reporting.anomalies.state IS
    'open, acknowledged (somebody looks into it) or explained: as finfleet anomalies has noted it last.';
COMMENT ON COLUMN reporting.anomalies.note IS 'What was noted with the state.';
COMMENT ON COLUMN reporting.anomalies.noted_by IS 'Who noted it.';
COMMENT ON COLUMN reporting.anomalies.noted_at IS 'When it was noted, in UTC.';
COMMENT ON COLUMN reporting.anomalies.found_at IS 'When it was found first, in UTC.';
COMMENT ON COLUMN reporting.anomalies.withdrawn_at IS
    'Since when, in UTC, it is none any more, as the bill was restated or the rules are others; null: it is one.';
