-- Signs of life of the fleet's processes.

-- name: tell
-- An id that is known keeps its role, so that nobody who invents signs takes another one's place. Who has ended has ended:
-- of two ingests, or two threads, the one with the sign before may be the later one to write.
INSERT INTO finfleet.processes AS p
       (process_id, role, queues, host, machine, pid, version, started_at, stopped_at, trouble, threads)
SELECT n.process_id, n.role, n.queues, n.host, n.machine, n.pid, n.version, n.started_at,
       CASE WHEN n.stopped THEN now() END, n.trouble, n.threads
  FROM unnest(
           %(process_ids)s::uuid[], %(roles)s::text[], %(queues)s::text[], %(hosts)s::text[], %(machines)s::text[],
           %(pids)s::int[], %(versions)s::text[], %(started_at)s::timestamptz[], %(stopped)s::boolean[],
           %(troubles)s::text[], %(threads)s::int[]
       ) AS n(process_id, role, queues, host, machine, pid, version, started_at, stopped, trouble, threads)
 WHERE EXISTS (SELECT FROM finfleet.processes AS known WHERE known.process_id = n.process_id)
    -- Those that write here by themselves are invented by nobody, and are listed however many of the others are.
    OR n.role IN ('ingest', 'forward', 'worker plan')
    OR (SELECT count(*) FROM finfleet.processes) < %(most)s
 ORDER BY n.process_id
    ON CONFLICT (process_id) DO UPDATE
   SET last_seen = now(), stopped_at = coalesce(p.stopped_at, excluded.stopped_at), trouble = excluded.trouble, queues = excluded.queues,
       threads = excluded.threads
 WHERE p.role = excluded.role

-- name: listing
SELECT process_id, role, queues, host, machine, pid, version, started_at, first_seen, last_seen,
       extract(epoch FROM now() - last_seen)::double precision AS silent,
       stopped_at IS NOT NULL AS stopped, trouble, threads
  FROM finfleet.processes
 WHERE last_seen > now() - %(within)s::interval
 ORDER BY role, first_seen, process_id

-- name: consumers
SELECT queues, threads
  FROM finfleet.processes
 WHERE last_seen > now() - %(within)s::interval
   AND stopped_at IS NULL
   AND queues <> ''

-- name: newest
SELECT extract(epoch FROM now() - max(last_seen))::double precision FROM finfleet.processes

-- name: forget
DELETE FROM finfleet.processes WHERE last_seen < %(before)s
