"""Exchange rates as they are stored: the same again changes nothing, and a corrected one keeps the one before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from storage.database import Connection
from storage.exchange.files import Rate
from storage.sql import load

_SQL = load("exchange")
VALID_FOR = timedelta(days=7)
"""From its day on: the longest time without a rate of the ECB's is five days, at Easter and Christmas."""


class Stored(NamedTuple):
    """What came of it."""

    new: int
    corrected: int
    same: int


class Pair(NamedTuple):
    """What there is of two currencies, of a source."""

    source: str
    base: str
    quote: str
    rates: int
    first_day: date
    last_day: date
    last_rate: object
    corrected: int


class Missing(NamedTuple):
    """Days of a provider's bill that cannot be converted."""

    provider: str
    currency: str
    days: int
    first_day: date
    last_day: date


def missing(connection: Connection, into: str, since: date | None) -> list[Missing]:
    """What of the bill has no rate into a currency."""
    return [Missing(*row) for row in connection.execute(_SQL["missing"], {"into": into, "since": since})]


def store(connection: Connection, source: str, rates: Sequence[Rate], now: datetime, valid_for: timedelta) -> Stored:
    """Keep these rates of a source."""
    with connection.transaction():
        connection.execute(_SQL["make"])
        with connection.cursor() as cursor, cursor.copy(_SQL["copy"]) as copy:
            for one in rates:
                copy.write_row((*one, one.day + valid_for))
        values = {"source": source, "now": now}
        row = connection.execute(_SQL["replace"], values).fetchone()
        new, corrected = (0, 0) if row is None else (int(row[0]), int(row[1]))
    return Stored(new, corrected, len(rates) - new - corrected)


def pairs(connection: Connection) -> list[Pair]:
    """What there is."""
    return [Pair(*row) for row in connection.execute(_SQL["pairs"])]


def rates_of_bills(connection: Connection, month: date, next_month: date) -> dict[str, list[Rate]]:
    """The rates that lines of bills name themselves, by the source that they are stored as.

    Only where all lines of a provider and day name the same.
    """
    found: dict[str, list[Rate]] = {}
    for provider, day, base, quote, rate in connection.execute(_SQL["of_bills"], {"start": month, "end": next_month}):
        found.setdefault(f"bill/{provider}", []).append(Rate(day, base, quote, rate))
    return found
