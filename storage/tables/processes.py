"""What processes keep of themselves, and of each other."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, Table, Text, Uuid, text

from storage.tables.columns import counter, metadata, string, timestamp

# Each row is a lock, held by whoever has it FOR UPDATE: who only reads the views cannot, and could any advisory lock.
locks = Table("locks", metadata, Column("name", Text, primary_key=True))

# Signs of life. Times but started_at are the database's own, so that no clock of another machine is compared with it.
processes = Table(
    "processes",
    metadata,
    Column("process_id", Uuid, primary_key=True),
    string("role"),  # its command: ingest, worker plan, worker aws ...
    string("queues", default=""),  # that it consumes, with spaces between
    string("host"),
    string("machine", default=""),  # within which its pid means something; empty where that is not known
    Column("pid", Integer, nullable=False),
    string("version"),
    timestamp("started_at"),
    timestamp("first_seen", now=True),
    timestamp("last_seen", now=True),
    timestamp("stopped_at", nullable=True),  # it ended in order
    string("trouble", default=""),  # why it does not work although it runs
    counter("threads"),  # how many tasks it runs at once; 0: not known, as of a former release
)

# What was planned last of each service: while its digest is the same, its targets are not compared.
planned_services = Table(
    "planned_services",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    string("digest"),
    timestamp("compared_at"),
)

# What the last planner that handed out has seen of Celery's queues: any planner goes on from there.
task_queues = Table(
    "task_queues",
    metadata,
    Column("queue", Text, primary_key=True),
    counter("looks", big=True),
    counter("left_waiting"),  # messages, with those that it has sent
    Column("drained", Double, nullable=False, server_default=text("0")),  # between two looks, of late
    timestamp("looked_at", now=True),
    postgresql_with={"fillfactor": 50},  # a row is written at each look: there is room for it in its page
)
