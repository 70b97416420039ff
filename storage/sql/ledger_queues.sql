-- What planners have seen of Celery's queues: whoever hands out next goes on from there.

-- name: read
SELECT queue, looks, left_waiting, drained, extract(epoch FROM now() - looked_at)::double precision AS age
  FROM finfleet.task_queues

-- name: note
INSERT INTO finfleet.task_queues AS q (queue, looks, left_waiting, drained, looked_at)
SELECT n.queue, 1, n.left_waiting, n.drained, now()
  FROM unnest(%(queues)s::text[], %(left_waiting)s::int[], %(drained)s::double precision[])
           AS n(queue, left_waiting, drained)
 ORDER BY n.queue
    ON CONFLICT (queue) DO UPDATE
   SET looks = q.looks + 1, left_waiting = excluded.left_waiting, drained = excluded.drained, looked_at = now()
