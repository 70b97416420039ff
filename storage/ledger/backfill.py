"""The past, on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from storage.database import Connection
from storage.folding.unfold import unfold_to_collect
from storage.ledger.cut import owed
from storage.ledger.heal import fill
from storage.ledger.windows import LIVE_HORIZON
from storage.sql import load
from telemetry.errors import FinfleetError
from telemetry.target import Target, Window, floor_time, format_time

_SQL = load("ledger_backfill")
_BATCH = 10_000
_UNFOLDED = 2000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No cloud is older."""


class BackfillRefused(FinfleetError):
    """The past of a target cannot be asked for."""


class Backfill(NamedTuple):
    """What a back-fill did."""

    #: Windows that were not in the ledger.
    opened: int
    #: Settled windows that are due again.
    reopened: int


class LedgerTarget(NamedTuple):
    """A target that the ledger has, configured now or not."""

    target_id: int
    target: Target
    enabled: bool
    live: bool
    #: Deliveries of bills open its windows: of the past there is what was delivered.
    delivered: bool = False


class Preview(NamedTuple):
    """What a back-fill would do of one target."""

    target: LedgerTarget
    #: Windows that are not in the ledger.
    missing: int
    #: Settled windows that would be due again.
    again: int
    interval: timedelta
    #: Windows that an earlier back-fill has not handed out, for the sake of its budget: they would be this one's.
    held: int = 0


def find_targets(connection: Connection, patterns: Iterable[str] = ("*",)) -> list[LedgerTarget]:
    """The targets that match any of ``patterns``: ``aws/*/us-east-1/ec2``, or the whole name of one."""
    chosen = tuple(patterns)
    rows = connection.execute(_SQL["all_targets"]).fetchall()
    targets = [LedgerTarget(row[0], Target(*row[1:5]), *row[5:]) for row in rows]
    return [found for found in targets if any(fnmatchcase(str(found.target), pattern) for pattern in chosen)]


def backfill(
    connection: Connection,
    targets: Sequence[LedgerTarget],
    span: Window,
    now: datetime,
    *,
    again: bool = False,
    backfill_id: int | None = None,
) -> Backfill:
    """Have every window that touches ``span`` collected: those that are missing, denied, failed or lack a refused part.

    In as many short transactions as it takes: it may be interrupted, and what is missing by then is opened by any
    healing. Those that are complete or empty only with ``again``. ``span`` is widened to whole windows; what is newer
    than the last planned window is left to :func:`storage.ledger.open_windows`. Of a delivered target the periods that
    were delivered are read again, and no window is opened. BackfillRefused where it begins before
    EARLIEST, or a target is live, or not configured any more; then nothing is changed.

    ``backfill_id`` is the number that :func:`storage.ledger.begin_backfill` gave it.
    """
    _check(targets, span)
    ids = [found.target_id for found in targets]
    values: dict[str, Any] = {"target_ids": ids, "since": span.start, "until": span.end, "now": now, "again": again}
    values["backfill_id"] = backfill_id
    with connection.transaction():
        _owe(connection, [found.target_id for found in targets if not found.delivered], span)
    # The ledger owes these windows now, so an end from here on costs nothing: any healing goes on with them.
    if backfill_id is not None:
        _in_steps(connection, "take_over", values)
    reopened = _in_steps(connection, "reopen", values)
    while more := unfold_to_collect(connection, values | {"limit": _UNFOLDED}):
        reopened += more
    _in_steps(connection, "hasten", values)
    opened = 0
    for target_id in ids:
        while more := fill(connection, now, [target_id], _BATCH, LIVE_HORIZON):
            opened += more
    return Backfill(opened, reopened)


def preview(
    connection: Connection, targets: Sequence[LedgerTarget], span: Window, *, again: bool = False
) -> list[Preview]:
    """What :func:`backfill` would do of ``span``, in the order of ``targets``. BackfillRefused as there."""
    _check(targets, span)
    ids = [found.target_id for found in targets]
    values = {"target_ids": ids, "since": span.start, "until": span.end, "again": again}
    rows = {row[0]: row[1:] for row in connection.execute(_SQL["preview"], values)}
    return [
        Preview(found, missing, due, timedelta(seconds=seconds), held)
        for found in targets
        for missing, due, seconds, held in [rows[found.target_id]]
    ]


def _in_steps(connection: Connection, statement: str, values: dict[str, Any]) -> int:
    """Change so many windows in each transaction, in the order of their keys; how many in all."""
    changed = 0
    after: tuple[int, datetime] = (-1, EARLIEST)
    while True:
        step = {"after_target": after[0], "after_start": after[1], "limit": _BATCH}
        keys = connection.execute(_SQL[statement], values | step).fetchall()
        changed += len(keys)
        if len(keys) < _BATCH:
            return changed
        after = max(keys)


def _check(targets: Sequence[LedgerTarget], span: Window) -> None:
    if span.start < EARLIEST:
        raise BackfillRefused(
            f"{format_time(span.start)}: no cloud keeps anything from before {format_time(EARLIEST)}; begin later"
        )
    live = [str(found.target) for found in targets if found.live]
    if live:
        raise BackfillRefused(f"{', '.join(live)}: only measured as it happens, so there is no past to collect")
    off = [str(found.target) for found in targets if not found.enabled]
    if off:
        raise BackfillRefused(f"{', '.join(off)}: not configured any more; add it to the configuration first")


def _owe(connection: Connection, ids: list[int], span: Window) -> None:
    """Move ``enabled_since`` back where ``span`` begins earlier, and take ``span`` out of the pauses."""
    rows = connection.execute(_SQL["lock_targets"], {"target_ids": ids}).fetchall()
    former = connection.execute(_SQL["pauses"], {"target_ids": ids}).fetchall()
    since: list[datetime] = []
    pauses: list[tuple[int, datetime, datetime | None]] = []
    for target_id, seconds, enabled_since, planned_until in rows:
        interval = timedelta(seconds=seconds)
        start = floor_time(span.start, interval)
        end = floor_time(span.end - timedelta.resolution, interval) + interval
        own = [(first, last) for key, first, last in former if key == target_id]
        if end < enabled_since:
            own.insert(0, (end, enabled_since))  # asked for is the span, not all that came since
        since.append(min(start, enabled_since, planned_until))
        pauses += [(target_id, *part) for pause in own for part in _without(pause, start, end)]
    connection.execute(_SQL["owe"], {"target_ids": [row[0] for row in rows], "enabled_since": since})
    connection.execute(_SQL["drop_pauses"], {"target_ids": ids})
    columns = {
        "target_ids": [row[0] for row in pauses],
        "paused_from": [row[1] for row in pauses],
        "paused_until": [row[2] for row in pauses],
    }
    connection.execute(_SQL["insert_pauses"], columns)


def _without(
    pause: tuple[datetime, datetime | None], start: datetime, end: datetime
) -> Iterable[tuple[datetime, datetime | None]]:
    """``pause`` without ``[start, end)``."""
    first, last = pause
    if last is None:
        return [pause]  # of a disabled target, which is refused
    return owed(first, last, [(start, end)])
