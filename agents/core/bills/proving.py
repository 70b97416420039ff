"""Reads a pinned delivery whole and proves it: bytes and rows are those that were promised."""

from __future__ import annotations

from collections.abc import Iterator

from agents.core.bills.folding import Granularity
from agents.core.bills.layouts import LayoutFor
from agents.core.bills.pinned import Pinned
from agents.core.bills.stores import ObjectStore
from agents.core.bills.tables import Table
from agents.core.context import Context
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.target import Window


def read_delivery(
    context: Context,
    store: ObjectStore,
    pinned: Pinned,
    layout_for: LayoutFor,
    window: Window,
    *,
    granularity: Granularity = "daily",
) -> Iterator[CostLine | Delivery]:
    """The lines of a delivery, and last of all one Delivery that says what was read.

    Raises telemetry.errors.CollectionFailed (transient where another attempt may mend it) before the first line, where
    a file is missing, torn or replaced, or has other bytes or rows than were promised. A delivery without files, or
    without rows, is complete and empty.
    """
    raise NotImplementedError


def read_tables(
    context: Context,
    tables: list[Table],
    pinned: Pinned,
    layout_for: LayoutFor,
    window: Window,
    *,
    granularity: Granularity = "daily",
) -> Iterator[CostLine | Delivery]:
    """The same of tables that come from an API, not from files; ``pinned.rows`` is what they have together."""
    raise NotImplementedError
