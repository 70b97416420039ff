"""Has the bill of the last days read: a day that is over before its target is known is owed by nobody."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from pydantic import SecretStr

from emulators.demo.clouds import Cloud
from emulators.demo.config import BILLED
from storage import ledger
from storage.database import Database
from telemetry.target import Window

SERVICES = ("cost", "billing")
"""Those that read bills."""
_KNOWN_WITHIN = 60.0


def read_bills(database_url: SecretStr, clouds: Sequence[Cloud]) -> None:
    """Make the days due, as ``finfleet backfill`` does, as soon as the planner has told the ledger of the targets."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = today - timedelta(days=1)
    with Database(database_url) as database, database.connection() as connection:
        found = _targets(connection, {cloud.provider for cloud in clouds})
        ledger.backfill(connection, found, Window(last - BILLED, last), datetime.now(UTC))


def _targets(connection: psycopg.Connection, providers: set[str]) -> list[ledger.LedgerTarget]:
    patterns = [f"*/{service}" for service in SERVICES]
    deadline = time.monotonic() + _KNOWN_WITHIN
    while True:
        found = ledger.find_targets(connection, patterns)
        if {one.target.provider for one in found} >= providers or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
