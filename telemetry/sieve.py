"""Lets through what a message can hold: one impossible record must not cost a window its others.

Ingest takes a batch whole or not at all. What it would refuse is found here first, record by record, and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator

from telemetry import amounts
from telemetry.batch import Run
from telemetry.builder import build_batches
from telemetry.checks import check
from telemetry.codec import encode
from telemetry.cost_checks import are_fine
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.errors import InvalidRecord
from telemetry.fitting import fit_line
from telemetry.limits import MAX_INT4
from telemetry.recommendations import Recommendation
from telemetry.records import CostRate, MetricPoint, Record, Resource

_SHORT = 400
"""So few characters identify a thing without being counted one by one."""
_HALF = "no half of a character: no text can hold one"


class Sieve:
    """For the records of one run."""

    def __init__(self, run: Run, lost: Callable[[str], None]) -> None:
        """``lost`` hears why no message can hold a record, for each that is left out."""
        self._run = run
        self._lost = lost
        #: What series and rates have in common, where one of them has passed.
        self._kinds: set[Hashable] = set()

    def pass_on(self, records: Iterable[Record]) -> Iterator[Record]:
        """Those that a message can hold."""
        for record in records:
            if self._is_fine(record) or self._is_possible(record):
                yield record

    def _is_fine(self, record: Record) -> bool:
        """Whether a glance tells that it is possible, as it does of almost all."""
        match record:
            case MetricPoint():
                kind = _kind(record)
                known = kind in self._kinds and math.isfinite(record.value)
                return known and record.start in self._run.window and self._is_short(record.resource)
            case CostRate():
                known = _kind(record) in self._kinds and record.start in self._run.window
                amount = record.amount
                possible = known and 1 <= record.period <= MAX_INT4 and amounts.is_bounded(amount) and amount >= 0
                return possible and self._is_short(record.resource)
            case CostLine():
                return are_fine([fit_line(record)], self._run.window)
            case Resource():
                return self._is_short(record)
            case Delivery() | Recommendation():
                return False  # there are few: each is looked at whole

    def _is_short(self, resource: Resource) -> bool:
        key = resource.key
        together = "".join(key)
        plain = len(together) <= _SHORT and together.isascii() and "\x00" not in together
        return plain and all(key) and resource.provider == self._run.target.provider

    def _is_possible(self, record: Record) -> bool:
        """Whether a batch of it alone would be taken."""
        try:
            for batch in build_batches(self._run, [record], self._run.started_at):
                check(batch)
                encode(batch)
        except InvalidRecord as error:
            path, _, remedy = error.args
            self._lost(f"{path.partition('.')[2] or path}: {remedy}")
            return False
        except UnicodeError:
            self._lost(_HALF)
            return False
        self._kinds.add(_kind(record))
        return True


def _kind(record: Record) -> Hashable:
    if isinstance(record, MetricPoint):
        return record.metric, record.source_metric, record.unit, record.statistic, record.period
    return (record.currency, record.basis) if isinstance(record, CostRate) else None
