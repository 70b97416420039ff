"""Folds rows to lines: by day, or by hour, and by everything that tells lines apart; sums are exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from agents.core.bills.layouts import LayoutFor
from agents.core.bills.tables import Table
from agents.core.context import Context
from telemetry.costs import CostLine
from telemetry.target import Window

Granularity = Literal["daily", "hourly"]


def fold(
    tables: Sequence[Table],
    layout_for: LayoutFor,
    window: Window,
    granularity: Granularity,
    context: Context,
) -> Iterator[CostLine]:
    """The lines of a bill, whose billing period is ``window``.

    Every row is read before the first line comes, and each once. A charge inside one day (hour) is a part of its day
    (hour); one of another length stays a line with its own period. A sum of which one part is not told is None.

    Raises:
        CollectionFailed: where a table is torn, or a time, an amount or a currency is none; it names it.
    """
    raise NotImplementedError
