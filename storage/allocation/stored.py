"""Rules as they are stored: which are in force for a month, and which months are to be allocated anew."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from storage.allocation.model import Document, Rules
from storage.allocation.reading import as_json, from_json, hash_of
from storage.database import Connection
from storage.sql import load

_SQL = load("allocation_rules")
CLOSES_AFTER = timedelta(days=10)
"""From the end of a month: from then on it stays as it was explained, whatever the file says."""
_MEASURED_AGAIN = timedelta(days=1)


class Month(NamedTuple):
    """A month that has a bill and rules."""

    month: date
    #: Of its last run; empty where there was none.
    before: str
    #: In force by the file as it was last loaded; empty: none.
    now: str
    #: What was the bill at its last run, and what is.
    bills_before: str
    bills: str
    #: Whether it was split by what was measured, a day ago or longer.
    is_old: bool

    @property
    def next(self) -> date:
        """The first day of the next month."""
        return next_month(self.month)

    def is_closed(self, now: datetime) -> bool:
        """Whether other rules do not reach it any more."""
        return now.date() >= self.next + CLOSES_AFTER

    def due(self, now: datetime) -> str:
        """By which rules it is to be allocated now; empty: it is as it should be."""
        if not self.before:
            return self.now
        rules = self.before if self.is_closed(now) or not self.now else self.now
        as_it_was = rules == self.before and self.bills == self.bills_before
        return "" if as_it_was and (not self.is_old or self.is_closed(now)) else rules


def next_month(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def save(connection: Connection, document: Document, now: datetime, by: str) -> None:
    """Keep the versions of the file, and that they are what it says now."""
    with connection.transaction():
        hashes = {rules.effective_from: hash_of(rules) for rules in document.versions}
        for rules in document.versions:
            values = {"hash": hash_of(rules), "document": as_json(rules).decode(), "now": now, "by": by}
            connection.execute(_SQL["save"], values)
        columns = {"months": [*hashes], "hashes": [*hashes.values()], "now": now}
        connection.execute(_SQL["end_versions"], columns)
        connection.execute(_SQL["add_versions"], columns)


def months(connection: Connection, now: datetime, month: date | None = None) -> list[Month]:
    """Those that have a bill and rules, the newest first; or this one alone."""
    rows = connection.execute(_SQL["months"], {"month": month, "measured": now - _MEASURED_AGAIN})
    return [Month(day, then or "", rules or "", old or "", *more) for day, then, rules, old, *more in rows]


def rules_of(connection: Connection, rules_hash: str) -> Rules:
    """The rules that have this hash."""
    row = connection.execute(_SQL["document"], {"hash": rules_hash}).fetchone()
    if row is None:
        raise LookupError(f"no rules of allocation have the hash {rules_hash}")
    return from_json(row[0].encode())


def windows(connection: Connection, month: date) -> tuple[int, int]:
    """Of the bills of a month: how many windows there are, and how many of them nothing was read of."""
    row = connection.execute(_SQL["windows"], {"month": month}).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))
