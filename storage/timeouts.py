"""How long Postgres may take over what a process asks of it: nothing is waited for without an end.

Generous, since what passes them is tried again from the start. They are set for each connection of ours, whatever the
server, the database or the role has set; a lock that somebody else holds costs a process a wait, never its life.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Timeouts(NamedTuple):
    """What a session is set to."""

    #: For one statement.
    statement: timedelta
    #: For one lock, of a table or of a row.
    lock: timedelta
    #: Between two statements of a transaction: a process that hangs, or whose host is gone, must not keep its locks.
    idle: timedelta


USUAL = Timeouts(statement=timedelta(minutes=5), lock=timedelta(seconds=30), idle=timedelta(minutes=1))
"""For whoever works through a ledger: the planner, a back-fill, retention."""
WRITE = Timeouts(statement=timedelta(minutes=2), lock=timedelta(seconds=20), idle=timedelta(minutes=1))
"""For ingest and the forwarder, whose transactions are short and wait for one another only."""
LOOK = Timeouts(statement=timedelta(minutes=2), lock=timedelta(seconds=5), idle=timedelta(seconds=30))
"""For who only looks: status, health, metrics."""
