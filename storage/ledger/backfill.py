"""The past, on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from storage.database import Connection
from storage.ledger.cut import owed
from storage.ledger.heal import fill
from storage.ledger.windows import LIVE_HORIZON
from storage.sql import load
from telemetry.errors import FinfleetError
from telemetry.target import Target, Window, floor_time

_SQL = load("ledger_backfill")
_BATCH = 10_000


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


def find_targets(connection: Connection, patterns: Iterable[str] = ("*",)) -> list[LedgerTarget]:
    """The targets that match any of ``patterns``: ``aws/*/us-east-1/ec2``, or the whole name of one."""
    chosen = tuple(patterns)
    rows = connection.execute(_SQL["all_targets"]).fetchall()
    targets = [LedgerTarget(row[0], Target(*row[1:5]), *row[5:]) for row in rows]
    return [found for found in targets if any(fnmatchcase(str(found.target), pattern) for pattern in chosen)]


def backfill(
    connection: Connection, targets: Sequence[LedgerTarget], span: Window, now: datetime, *, again: bool = False
) -> Backfill:
    """Have every window that touches ``span`` collected: those that are missing, denied or failed.

    Those that are complete or empty only with ``again``. ``span`` is widened to whole windows; what is newer than the
    last planned window is left to :func:`storage.ledger.open_windows`. BackfillRefused where a target is live, or not
    configured any more; then nothing is changed.
    """
    _check(targets)
    ids = [found.target_id for found in targets]
    values: dict[str, Any] = {"target_ids": ids, "since": span.start, "until": span.end, "now": now, "again": again}
    with connection.transaction():
        reopened = connection.execute(_SQL["reopen"], values).rowcount
        connection.execute(_SQL["hasten"], values)
        _owe(connection, ids, span)
    # The ledger owes these windows now, so a crash from here on costs nothing: any healing goes on with them.
    opened = 0
    while more := fill(connection, now, ids, _BATCH, LIVE_HORIZON):
        opened += more
    return Backfill(opened, reopened)


def _check(targets: Sequence[LedgerTarget]) -> None:
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
