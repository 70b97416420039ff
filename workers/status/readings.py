"""What the database and the broker are asked, part by part: what was answered before they hang is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import SecretStr

from storage import processes, room
from storage.clock import Clock
from storage.database import Connection, connected
from storage.errors import StorageError, StorageNotMigrated, translated
from storage.processes import Process
from storage.reports import (
    BadWindows,
    Lateness,
    Status,
    Unsent,
    read_bad_windows,
    read_dead_letters,
    read_lateness,
    read_status,
    read_unsent,
)
from storage.revision import check_migrated
from storage.timeouts import Timeouts
from tasks.results import Depth, ingest_queues, open_carrier
from telemetry.broker import Address

_NAME = "finfleet status"

T = TypeVar("T")


@dataclass
class DatabaseReading:
    """What the database says. None: not known (yet)."""

    #: Why its schema is not that of this release; empty where it is.
    schema: str | None = None
    #: The time by its clock, which the ledger is kept by.
    at: datetime | None = None
    processes: list[Process] | None = None
    #: Seconds since the last sign of any process, however long ago; None too where there never was one.
    newest_sign: float | None = None
    lateness: list[Lateness] | None = None
    bad: list[BadWindows] | None = None
    unsent: list[Unsent] | None = None
    letters: dict[str, int] | None = None
    status: Status | None = None


@dataclass
class BrokerReading:
    """What the broker says of the queues of the ingest. None: not known (yet)."""

    depths: dict[str, Depth] | None = None
    #: Whether it would take a message.
    accepts: bool | None = None
    #: Why not.
    refusal: str = ""


def limits(within: float) -> Timeouts:
    """What the server may take: it must not work on for somebody who has gone."""
    longest = timedelta(seconds=within + 1)
    return Timeouts(statement=longest, lock=longest, idle=longest)


def read_database(
    url: SecretStr, now: datetime | None, since: datetime | None, into: DatabaseReading, within: float
) -> None:
    """Fill the reading, as of ``now`` by the database's clock, unless another time is meant.

    StorageError where the database cannot be reached, or fails on the way.
    """
    with connected(url, application=_NAME, timeouts=limits(within)) as connection:
        into.at = now = now or Clock().now(connection)
        into.schema = _schema(connection)
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            into.processes = _if_there(connection, lambda: processes.listing(connection))
            into.newest_sign = _if_there(connection, lambda: processes.newest(connection))
            into.bad = _if_there(connection, lambda: read_bad_windows(connection, since))
            into.lateness = _if_there(connection, lambda: read_lateness(connection, now))
            into.unsent = _if_there(connection, lambda: read_unsent(connection, now))
            into.letters = _if_there(connection, lambda: read_dead_letters(connection))
        if into.lateness is not None:
            into.status = read_status(connection, now, since=since)


def _schema(connection: Connection) -> str:
    try:
        check_migrated(connection)
    except StorageNotMigrated as error:
        return str(error)
    return ""


def _if_there(connection: Connection, read: Callable[[], T]) -> T | None:
    """None where the database is of another release, and has no such table."""
    try:
        with translated(), connection.transaction():
            return read()
    except StorageNotMigrated:
        return None


def probe_database(url: SecretStr, within: float) -> None:
    """StorageError where the database takes nothing in."""
    with connected(url, application=_NAME, timeouts=limits(within)) as connection:
        try:
            room.probe(connection)
        except StorageNotMigrated:
            return  # that is told by who reads


def read_broker(address: Address, sources: Any, into: BrokerReading) -> None:
    """Fill the reading; CarrierUnavailable where the broker does not answer."""
    depths: dict[str, Depth] = {}
    for label, name in ingest_queues(sources).items():
        carrier = open_carrier(address, name)
        try:
            depths[label] = carrier.depth()
        finally:
            carrier.close()
    into.depths = depths
    carrier = open_carrier(address)
    try:
        carrier.accept()
    except Exception as error:  # noqa: BLE001 - told as its refusal
        into.accepts, into.refusal = False, str(error)
    else:
        into.accepts = True
    finally:
        carrier.close()


__all__ = ["BrokerReading", "DatabaseReading", "StorageError", "probe_database", "read_broker", "read_database"]
