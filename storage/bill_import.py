"""Bills that a person brings: a window of a target that reads files and is not configured, and what counts of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from storage.database import Connection
from storage.sql import load
from telemetry.target import Target, Window

_SQL = load("bill_import")
_LEASE = timedelta(hours=1)

Totals = Mapping[tuple[str, str], Decimal | None]
"""Billed cost by currency and service; None where no line tells it."""


def is_configured(connection: Connection, target: Target) -> bool:
    """Whether the planner collects it."""
    return connection.execute(_SQL["configured"], _key(target)).fetchone() == (True,)


def begin_import(connection: Connection, target: Target, window: Window, now: datetime) -> int:
    """Open the window for one more attempt, and its target where there is none; the number of the attempt."""
    connection.execute(_SQL["target"], {**_key(target), "now": now})
    values = {**_key(target), "start": window.start, "end": window.end, "due": now + _LEASE}
    row = connection.execute(_SQL["window"], values).fetchone()
    if row is None:
        raise LookupError(f"{target}: it was removed meanwhile")
    return int(row[0])


def totals(connection: Connection, provider: str, window: Window) -> Totals:
    """What counts of the bill of a window, of all targets of a provider."""
    values = {"provider": provider, "start": window.start, "end": window.end}
    return {(currency, service): cost for currency, service, cost in connection.execute(_SQL["totals"], values)}


def _key(target: Target) -> dict[str, Any]:
    return {
        "provider": target.provider,
        "account": target.account,
        "region": target.region,
        "service": target.service,
    }
