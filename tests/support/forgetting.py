"""Everything that maintenance forgets, at once."""

from datetime import datetime, timedelta
from typing import NamedTuple

from storage import retention
from storage.database import Connection
from storage.folding.points import DROP_AFTER, SEAL_AFTER, drop_sealed, fold_points


class Forgotten(NamedTuple):
    """What was deleted."""

    #: Entries of the outbox that were sent.
    sent: int
    #: Runs of settled windows.
    runs: int
    #: Partitions of a day of readings each.
    days: int


def forget(connection: Connection, now: datetime, **kept: timedelta) -> Forgotten:
    """Delete what is older than that; what is not named, and zero, is kept for ever."""
    keep = retention.Kept(**kept)
    found = Forgotten(
        sent=retention.forget_sent(connection, now, keep),
        runs=retention.forget_runs(connection, now, keep),
        days=sum(iter(lambda: retention.forget_rates(connection, now, keep), 0)),
    )
    if keep.points:
        while fold_points(connection, now, after=min(SEAL_AFTER, keep.points)):
            pass
        dropped = iter(lambda: drop_sealed(connection, now, after=min(DROP_AFTER, keep.points)), 0)
        found = found._replace(days=found.days + sum(dropped))
    while retention.forget_points(connection, now, keep):
        pass
    retention.forget_history(connection, now, keep)
    retention.forget_suspects(connection, now, keep)
    retention.forget_processes(connection, now, keep)
    return found
