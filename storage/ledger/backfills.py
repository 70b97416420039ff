"""Back-fills by their number: what was asked for and what it may cost, how far it is, and the way back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from storage.database import Connection
from storage.sql import load
from telemetry.target import Window

_SQL = load("ledger_backfills")


class Asked(NamedTuple):
    """The past of one target."""

    target_id: int
    span: Window
    #: What a reading of a window is estimated to cost; None: not known.
    usd_per_window: Decimal | None = None


class BackfillProgress(NamedTuple):
    """How far a back-fill is."""

    backfill_id: int
    asked_at: datetime
    #: ``command``, or ``configuration``: what a new target owes.
    origin: str
    budget_usd: Decimal | None
    cancelled_at: datetime | None
    since: datetime | None
    until: datetime | None
    targets: int
    #: ``provider/service`` of its targets; None: none is left.
    services: list[str] | None
    #: Windows that wait, those of them apart that its budget does not pay, those that are out, and those that ended.
    waiting: int
    held: int
    out: int
    done: int
    bad: int
    #: What its readings have cost so far; None: the price of some of them is not known.
    spent_usd: Decimal | None


class Cancelled(NamedTuple):
    """What a cancellation did."""

    #: Windows that are owed no more.
    withdrawn: int
    #: Windows that were settled before, and are again.
    settled: int
    #: Windows that a worker is collecting at this moment: they come to their end.
    out: int
    #: The numbers of the back-fills that are over.
    backfills: list[int]


class Payable(NamedTuple):
    """What budgets leave of the windows that are due."""

    #: Back-fills with a budget.
    backfill_ids: list[int]
    #: Their windows that are paid for by what is left.
    target_ids: list[int]
    starts: list[datetime]


def begin_backfill(
    connection: Connection,
    asked: Sequence[Asked],
    now: datetime,
    *,
    budget_usd: Decimal | None = None,
    from_configuration: bool = False,
) -> int:
    """Note a back-fill before its windows are opened, so that each of them bears its number; returns the number."""
    origin = "configuration" if from_configuration else "command"
    row = connection.execute(_SQL["begin"], {"now": now, "origin": origin, "budget_usd": budget_usd}).fetchone()
    assert row is not None  # noqa: S101 - an INSERT that returns
    values = {
        "backfill_id": row[0],
        # Whatever is newer the planner opens by itself; of a new target it has opened nothing yet.
        "planned": not from_configuration,
        "target_ids": [one.target_id for one in asked],
        "since": [one.span.start for one in asked],
        "until": [one.span.end for one in asked],
        "usd": [one.usd_per_window for one in asked],
    }
    connection.execute(_SQL["add_targets"], values)
    return int(row[0])


def payable(
    connection: Connection,
    choice: Mapping[str, Any],
    limit: int,
    of: tuple[Sequence[int], Sequence[datetime]] | None = None,
) -> Payable:
    """Which of the windows that are due budgets pay for; the others say from now on that none does.

    ``choice`` says what is handed out ``now``: of which ``provider`` and ``service``. ``of`` are targets and starts of
    the only windows that can go out: nothing else has to be paid beside them. The caller holds dispatch's lock.
    """
    of_targets, of_starts = of or (None, None)
    values = {**choice, "limit": limit, "of_targets": of_targets, "of_starts": of_starts}
    rows = connection.execute(_SQL["within_budget"], values).fetchall()
    fits = [row for row in rows if row[3]]
    found = Payable(sorted({row[0] for row in rows}), [row[1] for row in fits], [row[2] for row in fits])
    if of is None and (short := sorted({row[0] for row in rows if row[3] is False})):
        values = {"backfill_ids": short, "target_ids": found.target_ids, "starts": found.starts, "limit": 10 * limit}
        connection.execute(_SQL["hold"], {**choice, **values})
    return found


def list_backfills(connection: Connection, limit: int = 50) -> list[BackfillProgress]:
    """The newest back-fills, with those of the configuration."""
    return [BackfillProgress(*row) for row in connection.execute(_SQL["list"], {"limit": limit})]


def cancel_backfills(
    connection: Connection, target_ids: Collection[int], now: datetime, backfill_ids: Collection[int] | None = None
) -> Cancelled:
    """Give up what back-fills of these targets have not collected yet; ``backfill_ids``: of these back-fills alone.

    What they opened is owed no more, as if nobody had asked: the ledger has a pause in its place, and no healing opens
    it again. What they made due again is what it was before. What is being collected comes to its end.
    """
    with connection.transaction():
        chosen = {"target_ids": sorted(target_ids), "backfill_ids": None if backfill_ids is None else [*backfill_ids]}
        found = connection.execute(_SQL["find"], chosen).fetchall()
        values = {
            "backfill_ids": sorted({row[0] for row in found}),
            "target_ids": sorted({row[1] for row in found}),
            "now": now,
        }
        if not found:
            return Cancelled(0, 0, 0, [])
        # Windows first, then their targets, as the writer does.
        withdrawn = connection.execute(_SQL["withdraw"], values).rowcount
        settled = connection.execute(_SQL["settle_as_before"], values).rowcount
        connection.execute(_SQL["lock_targets"], values)
        connection.execute(_SQL["pause_rest"], values)
        out = connection.execute(_SQL["count_out"], values).fetchone()
        over = [row[0] for row in connection.execute(_SQL["leave"], values)]
        connection.execute(_SQL["drop_targets"], values | {"over": over})
    return Cancelled(withdrawn, settled, out[0] if out else 0, over)


def withdraw_late(connection: Connection, limit: int) -> int:
    """Withdraw what was out, or was being opened, when its back-fill was cancelled, and came to nothing; how many."""
    with connection.transaction():
        gone = connection.execute(_SQL["withdraw_late"], {"limit": limit}).fetchall()
        if gone:
            targets, starts, ends = zip(*gone, strict=True)
            connection.execute(_SQL["lock_targets"], {"target_ids": sorted({*targets})})
            values = {"gone_targets": list(targets), "starts": list(starts), "ends": list(ends)}
            connection.execute(_SQL["pause_late"], values)
    return len(gone)
