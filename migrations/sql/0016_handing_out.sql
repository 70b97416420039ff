-- How many tasks a process runs at once; 0: not known, as of a former release.
ALTER TABLE finfleet.processes ADD COLUMN threads integer DEFAULT 0 NOT NULL;

-- Each window that closes moves planned_until, which no index has: with room in the page it costs no index anything.
ALTER TABLE finfleet.targets SET (fillfactor = 70);

-- What was planned last of each service -------------------------------------------------------------------------------

CREATE TABLE finfleet.planned_services (
    provider text NOT NULL,
    service text NOT NULL,
    digest text NOT NULL,
    compared_at timestamp with time zone NOT NULL,
    CONSTRAINT planned_services_pkey PRIMARY KEY (provider, service)
);

-- What planners have seen of Celery's queues ---------------------------------------------------------------------------

CREATE TABLE finfleet.task_queues (
    queue text NOT NULL,
    looks bigint DEFAULT 0 NOT NULL,
    left_waiting integer DEFAULT 0 NOT NULL,
    drained double precision DEFAULT 0 NOT NULL,
    looked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT task_queues_pkey PRIMARY KEY (queue)
) WITH (fillfactor = 50);
