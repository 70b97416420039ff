"""Owners of the year's charges, and rates of exchange, where this release has them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module

from storage.database import Connection

_RULES = {
    "versions": [
        {
            "effective_from": "2000-01",
            "dimensions": [
                {"name": "team", "rules": [{"tag": "team"}]},
                {"name": "application", "rules": [{"tag": "application"}]},
                {"name": "cost_center", "rules": [{"by": "team", "values": {"team-1": "CC-1", "team-2": "CC-2"}}]},
            ],
            "shared": [
                {
                    "name": "support",
                    "dimension": "team",
                    "where": {"services": ["Support"]},
                    "split": "spend",
                    "before_rules": True,
                }
            ],
        }
    ]
}


def allocate(connection: Connection, now: datetime) -> int:
    """Allocate every month by rules of the benchmark's own; how many."""
    try:
        model, stored, allocating = (
            import_module(f"storage.allocation.{name}") for name in ("model", "stored", "allocating")
        )
    except ModuleNotFoundError:
        return 0
    stored.save(connection, model.Document.model_validate(_RULES), now, "benchmark")
    months = 0
    while allocating.allocate_due(connection, now):
        months += 1
    return months


def bring_rates(connection: Connection, first: date, last: date) -> None:
    """A rate of the euro for each working day."""
    try:
        files, stored = (import_module(f"storage.exchange.{name}") for name in ("files", "stored"))
    except ModuleNotFoundError:
        return
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    rates = [
        files.Rate(day, "EUR", "USD", Decimal(10000 + day.toordinal() % 977) / 10000)
        for day in days
        if day.isoweekday() <= 5  # noqa: PLR2004 - Friday
    ]
    ((now,),) = connection.execute("SELECT now()")
    stored.store(connection, "ecb", rates, now, stored.VALID_FOR)
