"""Allocates a month: its charges by owner, in the place of what was there, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple

import msgspec
from psycopg import sql
from psycopg.types.json import Jsonb

from storage import locks
from storage.allocation.compiling import Compiled
from storage.allocation.model import Rules
from storage.allocation.splitting import Cut, Split
from storage.allocation.statements import run
from storage.allocation.stored import Month, months, next_month, rules_of, windows
from storage.database import Connection
from storage.errors import StorageError
from storage.sql import load

_SQL = load("allocation")
_AT_ONCE = 5_000


class Caught(NamedTuple):
    """What a rule catches of a month."""

    dimension: str
    how: str
    #: Whether it is anybody's.
    is_owned: bool
    currency: str
    billed_cost: Decimal | None


class Run(NamedTuple):
    """By which rules a month is allocated, by whom and when."""

    rules_hash: str
    by: str
    now: datetime


def allocate_due(connection: Connection, now: datetime, by: str = "maintenance") -> int:
    """Allocate the newest month whose bill or rules have changed; how many, 0 where none has or somebody else does."""
    with connection.transaction():
        if not locks.try_take(connection, locks.ALLOCATION):
            return 0
        for month in months(connection, now):
            if rules_hash := month.due(now):
                allocate(connection, month, Run(rules_hash, by, now))
                return 1
    return 0


def allocate_month(connection: Connection, month: date, now: datetime, by: str) -> bool:
    """Allocate a month by the rules in force for it now, closed or not; whether it has a bill and rules."""
    with connection.transaction():
        locks.take(connection, locks.ALLOCATION)
        found = next(iter(months(connection, now, month)), None)
        if found is None:
            return False
        allocate(connection, found, Run(found.now or found.before, by, now))
    return True


def allocate(connection: Connection, of: Month, asked: Run) -> None:
    """Replace what is allocated of a month, in the transaction and under the lock of the caller."""
    month, rules = of.month, rules_of(connection, asked.rules_hash)
    splits = _parts(connection, rules, month, asked.now)
    connection.execute(_SQL["forget"], {"month": month})
    connection.execute(_SQL["forget_owners"], {"month": month})
    run(connection, "store", place=len(rules.dimensions), month=month,
         dimensions=[one.name for one in rules.dimensions])  # fmt: skip
    if connection.execute(_SQL["check"], {"month": month}).fetchone() is not None:
        raise StorageError(f"allocation of {month:%Y-%m}: the parts are not the bill, so nothing is changed")
    expected, missing = windows(connection, month)
    weights = Jsonb([one.told for one in splits], dumps=lambda told: msgspec.json.encode(told).decode())
    values = {"month": month, "rules": asked.rules_hash, "now": asked.now, "by": asked.by, "bills": of.bills}
    connection.execute(_SQL["note_run"], values | {"windows": expected, "missing": missing, "weights": weights})


def rehearse(connection: Connection, rules: Rules, month: date, now: datetime) -> list[Caught]:
    """What each rule would catch of a month; nothing is changed."""
    with connection.transaction(force_rollback=True):
        _parts(connection, rules, month, now)
        last = len(rules.dimensions)
        return [
            Caught(dimension.name, *row)
            for at, dimension in enumerate(rules.dimensions, 1)
            for row in run(connection, "caught", place=last, at=sql.Literal(at))
        ]


def _parts(connection: Connection, rules: Rules, month: date, now: datetime) -> list[Split]:
    """The charges of the month, owned and split, in a temporary table; by which weights."""
    compiled = Compiled(rules)
    start, end = (datetime.combine(day, time(), UTC) for day in (month, next_month(month)))
    _note_tags(connection, compiled, start, end)
    run(connection, "make_parts", rules=compiled.rule_numbers, found=compiled.found, shared=compiled.shared,
         start=start, end=end)  # fmt: skip
    connection.execute("ANALYZE allocation_parts_0")
    splits: list[Split] = []
    for place, dimension in enumerate(rules.dimensions):
        by, by_owner = compiled.by(place)
        shared = compiled.shared_of(place)
        run(
            connection,
            "decide",
            place=place,
            at=sql.Literal(place + 1),
            labels=[rule.label(number) for number, rule in enumerate(dimension.rules, 1)],
            untagged=f"no rule takes it, and its tags say no {dimension.name}",
            by=by,
            by_owner=by_owner,
            first=[number for number, one in shared if one.before_rules],
        )
        run(connection, "make_weights", place=place)
        cut = Cut(connection, compiled, place, month, now)
        found = [cut.weigh(number, one) for number, one in shared]
        _split(connection, place, found)
        splits += found
    return splits


def _split(connection: Connection, place: int, splits: Sequence[Split]) -> None:
    run(
        connection,
        "split",
        place=place,
        then=place + 1,
        splits=[one.number for one in splits],
        whys=[one.why for one in splits],
        saids=[one.said for one in splits],
        coverages=[one.coverage for one in splits],
    )


def _note_tags(connection: Connection, compiled: Compiled, start: datetime, end: datetime) -> None:
    """What the sets of tags say, each looked at once, however many lines have it."""
    connection.execute(_SQL["make_tags"])
    if not compiled.slots:
        return
    measured = any(one.metric is not None for one in compiled.rules.shared)
    with connection.cursor(name="allocation_tag_sets") as cursor:
        cursor.execute(_SQL["tag_sets"], {"start": start, "end": end, "resources": measured})
        while rows := cursor.fetchmany(_AT_ONCE):
            with connection.cursor() as writer, writer.copy(_SQL["copy_tags"]) as copy:
                for provider, tags in rows:
                    copy.write_row((provider, Jsonb(tags), compiled.told(provider, tags)))
    connection.execute("ANALYZE allocation_tags")
