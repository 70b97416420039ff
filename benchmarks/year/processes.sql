-- The processes of a fleet that runs.

INSERT INTO finfleet.processes (process_id, role, queues, host, pid, version, started_at, first_seen, last_seen)
SELECT md5('process' || n)::uuid, p.role, p.queues, 'host-' || n %% 3, 1000 + n, %(version)s, %(now)s - interval '1 day',
       %(now)s - interval '1 day', %(now)s
  FROM unnest(
           ARRAY['worker plan', 'ingest', 'forward', 'beat', 'worker aws', 'worker azure', 'worker gcp'],
           ARRAY['plan', '', '', '', 'collect.aws', 'collect.azure', 'collect.gcp']
       ) WITH ORDINALITY AS p(role, queues, n)
