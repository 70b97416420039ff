-- Signs of life of the fleet's processes -------------------------------------------------------------------------------

CREATE TABLE finfleet.processes (
    process_id uuid NOT NULL,
    role text NOT NULL,
    queues text DEFAULT '' NOT NULL,
    host text NOT NULL,
    machine text DEFAULT '' NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL,
    last_seen timestamp with time zone DEFAULT now() NOT NULL,
    stopped_at timestamp with time zone,
    trouble text DEFAULT '' NOT NULL,
    CONSTRAINT processes_pkey PRIMARY KEY (process_id)
);
