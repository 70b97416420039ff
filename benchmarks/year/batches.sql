-- A day of batches, as each run has one.

INSERT INTO finfleet.batches (run_id, number, records, committed_at)
SELECT run_id, 1, records_committed, reported_at FROM finfleet.runs WHERE reported_at > %(now)s - interval '1 day'
