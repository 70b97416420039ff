CREATE VIEW reporting.deliveries AS
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region AS export, t.service, t.enabled,
       d.period_start, d.period_end, d.version,
       CASE
           WHEN d.version = '' AND newest.last_seen_at > d.last_seen_at THEN 'superseded'
           -- What is delivered by the day is the newest of it: another day that came later makes good for one.
           WHEN d.version = ''
            AND d.period_end - d.period_start < interval '28 days'
            AND EXISTS (
                    SELECT
                      FROM finfleet.deliveries AS o
                     WHERE o.target_id = d.target_id AND o.version <> '' AND o.last_seen_at > d.last_seen_at
                ) THEN 'superseded'
           WHEN d.version = '' THEN 'missing'
           WHEN d.version = w.version THEN 'current'
           WHEN d.version <> newest.version THEN 'superseded'
           WHEN w.state = 'dispatched' THEN 'pinned'
           WHEN w.error <> '' OR w.state IN ('denied', 'failed') THEN 'refused'
           WHEN d.read_at IS NOT NULL THEN 'read'
           ELSE 'seen'
       END AS state,
       CASE
           WHEN d.version = '' THEN d.reason
           WHEN d.version IS DISTINCT FROM w.version AND d.version = newest.version
               THEN concat_ws(': ', nullif(w.permission, ''), nullif(w.error, ''))
           ELSE ''
       END AS reason,
       d.submitted_at, d.seen_at, d.last_seen_at, d.read_at,
       d.read_at IS NOT NULL AS proven,
       jsonb_array_length(d.files) AS files,
       promised.rows AS rows_promised, d.rows_read, promised.bytes AS bytes_promised, d.bytes_read,
       d.totals, d.run_id
  FROM finfleet.deliveries AS d
  JOIN finfleet.targets AS t USING (target_id)
  LEFT JOIN LATERAL (
           SELECT c.state, c.error, c.permission, b.version
             FROM finfleet.collections AS c
             LEFT JOIN finfleet.bills AS b ON b.run_id = c.settled_run
            WHERE c.target_id = d.target_id AND c.window_start = d.period_start
            LIMIT 1
       ) AS w ON true
  LEFT JOIN LATERAL (
           SELECT n.version, max(n.last_seen_at) OVER () AS last_seen_at
             FROM finfleet.deliveries AS n
            WHERE n.target_id = d.target_id AND n.period_start = d.period_start AND n.version <> ''
            ORDER BY coalesce(n.submitted_at, n.last_seen_at, n.seen_at) DESC, n.last_seen_at DESC NULLS LAST,
                     n.version DESC
            LIMIT 1
       ) AS newest ON true
 CROSS JOIN LATERAL (
           -- Unknown where one of the files does not promise any.
           SELECT CASE WHEN bool_and(f ? 'rows') THEN sum((f ->> 'rows')::bigint) END AS rows,
                  CASE WHEN bool_and(f ? 'size') THEN sum((f ->> 'size')::bigint) END AS bytes
             FROM jsonb_array_elements(d.files) AS f
       ) AS promised;

COMMENT ON VIEW reporting.deliveries IS
    'Each version of each billing period of each export of bills that was seen: what was promised, what was read, and'
    ' whether it is the one that counts. Of a period at most one is current. Name a range of period_start.';
COMMENT ON COLUMN reporting.deliveries.target IS :'target';
COMMENT ON COLUMN reporting.deliveries.provider IS :'provider';
COMMENT ON COLUMN reporting.deliveries.account IS :'configured_account';
COMMENT ON COLUMN reporting.deliveries.export IS 'The export, by its name in the configuration.';
COMMENT ON COLUMN reporting.deliveries.service IS 'The service that reads it: bill_files ...';
COMMENT ON COLUMN reporting.deliveries.enabled IS 'Whether the export is configured now.';
COMMENT ON COLUMN reporting.deliveries.period_start IS 'UTC. The billing period begins here, this moment included.';
COMMENT ON COLUMN reporting.deliveries.period_end IS 'UTC. The billing period ends here, this moment excluded.';
COMMENT ON COLUMN reporting.deliveries.version IS
    'What tells this version from others: the digest of its manifest, or the change token of a table. Empty: missing.';
COMMENT ON COLUMN reporting.deliveries.state IS
    'seen: it is to be read. pinned: a worker reads it. read: all of it has come but the report. current: it was read'
    ' whole, and is the bill. superseded: there is a newer version. refused: it could not be read, and why; what was'
    ' current before stays. missing: the provider does not deliver, and why.';
COMMENT ON COLUMN reporting.deliveries.reason IS 'Why it is missing, or was refused; empty otherwise.';
COMMENT ON COLUMN reporting.deliveries.submitted_at IS
    'When the provider wrote it, in UTC, and no later than it was seen; null where the provider does not say.';
COMMENT ON COLUMN reporting.deliveries.seen_at IS 'When it was first seen, in UTC.';
COMMENT ON COLUMN reporting.deliveries.last_seen_at IS
    'When it was last found by whoever looks for deliveries, in UTC; null where it only was read.';
COMMENT ON COLUMN reporting.deliveries.read_at IS 'When it was read last, in UTC; null where it was not.';
COMMENT ON COLUMN reporting.deliveries.proven IS
    'Whether it was read whole: as many rows and bytes as were promised, where any were.';
COMMENT ON COLUMN reporting.deliveries.files IS 'How many files it has.';
COMMENT ON COLUMN reporting.deliveries.rows_promised IS 'Rows that its files promise; null where one does not say.';
COMMENT ON COLUMN reporting.deliveries.rows_read IS 'Rows that were read; null where it was not.';
COMMENT ON COLUMN reporting.deliveries.bytes_promised IS 'Bytes of its files; null where one does not say.';
COMMENT ON COLUMN reporting.deliveries.bytes_read IS 'Bytes that were read of its files; null where nobody counted.';
COMMENT ON COLUMN reporting.deliveries.totals IS 'Sum of the billed costs that were read, by currency.';
COMMENT ON COLUMN reporting.deliveries.run_id IS 'The collection that read it last; see reporting.cost_history.';
