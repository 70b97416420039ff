"""Whether what a process needs answers, and takes changes: broker and database; for the ingest, also its backlog."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from storage.timeouts import LOOK
from tasks.results import CarrierUnavailable, open_carrier
from telemetry.broker import Address
from telemetry.errors import FinfleetError
from telemetry.settings import Settings
from workers.process import fleet_settings, open_database, required_broker

_WAIT = 2.0


def look(role: str) -> tuple[str, str]:
    """What does not answer, in one line, or empty; and what does."""
    # It tells of each try; the answer below says it once.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    try:
        settings = fleet_settings(stores=_database in _CHECKS[role])
        return "", ", ".join(check(settings) for check in _CHECKS[role])
    except FinfleetError as error:
        return " ".join(str(error).split()), ""


class NotReady(FinfleetError):
    """Something that the process needs is there, and of no use as it is."""


def _database(settings: Settings) -> str:
    from storage import suspects  # noqa: PLC0415 - a collector has no SQL to load
    from storage.revision import check_migrated  # noqa: PLC0415 - as above

    with open_database(settings, "finfleet health", size=1, wait=_WAIT, timeouts=LOOK) as database:
        with database.connection() as connection:
            check_migrated(connection)
            suspects.probe(connection)
        return f"database {database.address} answers"


def _broker(settings: Settings) -> str:
    return f"broker {_depth(required_broker(settings))[1]} answers"


def _backlog(settings: Settings) -> str:
    (messages, age), where = _depth(required_broker(settings))
    limit, longest = settings.ledger.max_backlog, settings.ledger.max_backlog_age.total_seconds()
    if messages > limit:
        raise NotReady(f"{messages} messages wait on the results queue, more than ledger.max_backlog ({limit})")
    if age is not None and age > longest:
        raise NotReady(f"the oldest result waits for {age:.0f} s, longer than ledger.max_backlog_age ({longest:.0f} s)")
    return f"broker {where} answers, {messages} results wait"


def _depth(address: Address) -> tuple[tuple[int, float | None], str]:
    carrier = open_carrier(address)
    try:
        carrier.check()
        depth = carrier.depth()
    except CarrierUnavailable as error:
        raise NotReady(f"the broker cannot be used: {error}") from None
    finally:
        carrier.close()
    return (depth.messages, depth.oldest_age), carrier.where


_CHECKS: Mapping[str, tuple[Callable[[Settings], str], ...]] = {
    "worker": (_broker,),
    "beat": (_broker,),
    "flower": (_broker,),
    "plan": (_broker, _database),
    "ingest": (_backlog, _database),
    "forward": (_database,),
}
