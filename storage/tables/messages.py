"""What is to be sent, and what could not be taken."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

from storage.tables.columns import counter, metadata, string, timestamp
from storage.tables.ledger import targets

outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", BigInteger, Identity(always=True), primary_key=True),
    string("destination"),
    Column("target_id", Integer, ForeignKey(targets.c.target_id), nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    string("state", default="pending"),
    Column("body", LargeBinary, nullable=True),  # the message as it came; gone once it is sent
    timestamp("created_at", now=True),
    timestamp("due_at", now=True),
    counter("attempts"),
    timestamp("sent_at", nullable=True),
    string("error", default=""),
    UniqueConstraint("destination", "run_id", "number"),
    CheckConstraint("state IN ('pending', 'sent', 'dead')", name="state"),
    CheckConstraint("state = 'sent' OR body IS NOT NULL", name="body"),
    Index("outbox_pending_idx", "destination", "target_id", "outbox_id", postgresql_where=text("state = 'pending'")),
    Index("outbox_dead_idx", "outbox_id", postgresql_where=text("state = 'dead'")),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("dead_letter_id", BigInteger, Identity(always=True), primary_key=True),
    Column("body_sha256", LargeBinary, nullable=False, unique=True),  # a redelivered one is not there twice
    Column("body", LargeBinary, nullable=False),
    string("reason_code"),
    string("reason"),
    timestamp("first_seen", now=True),
    timestamp("last_seen", now=True),
    Column("times", Integer, nullable=False, server_default=text("1")),
    timestamp("replayed_at", nullable=True),
    Index("dead_letters_waiting_idx", "dead_letter_id", postgresql_where=text("replayed_at IS NULL")),
)

suspects = Table(  # messages that may be what ended an ingest
    "suspects",
    metadata,
    Column("body_sha256", LargeBinary, primary_key=True),
    Column("tries", Integer, nullable=False, autoincrement=False),  # alone, without coming to an end
    timestamp("tried_at"),
)
