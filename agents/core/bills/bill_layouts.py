"""The layouts of bills that a provider reads from files, by which a file that a person brings is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agents.core.bills.fold_sql import moment
from agents.core.bills.layouts import NOTHING, Columns, Layout, LayoutFor, quoted
from telemetry.costs import CostLine
from telemetry.errors import CollectionFailed
from telemetry.target import Window


def _as_it_is(line: CostLine) -> CostLine:
    return line


@dataclass(frozen=True)
class BillLayout:
    """One of them."""

    #: As ``finfleet costs import --layout`` has it: ``cur``.
    name: str
    #: As people call it, for messages: ``Cost and Usage Report``.
    title: str
    #: Whether a file with these columns is in it.
    knows: Callable[[Columns], bool]
    layout_for: LayoutFor
    #: The text of when the billing period of a row begins (SQL, as in Layout); NOTHING where no column tells it.
    begun: Callable[[Columns], str]
    #: What follows from the sums of a line, where anything does.
    finished: Callable[[CostLine], CostLine] = _as_it_is
    #: How manifests call it: ``AmortizedCost``.
    kinds: tuple[str, ...] = ()

    def of(self, columns: Columns, window: Window) -> Layout:
        """For a file with these columns, of whose rows those alone count whose billing period begins in ``window``."""
        return within(self.layout_for(columns), self.begun(columns), window)


def within(layout: Layout, begun: str, window: Window) -> Layout:
    """The lines alone whose billing period begins in ``window``: where one file has several of them.

    A line that tells none is of the period of its charge.
    """
    begun = layout.start if begun == NOTHING else f"coalesce({begun}, {layout.start})"
    start, end = (f"epoch_us({quoted(one.isoformat())}::TIMESTAMPTZ)" for one in (window.start, window.end))
    # What is no time at all is an error, and not another month.
    told = f"left(coalesce({begun}, ''), 40)"
    unknown = f"error('row ' || n || ': the BillingPeriodStart ' || {told} || ' is no time such as 2026-05-01')"
    return replace(layout, only=f"coalesce({moment(begun)}, {unknown}) >= {start} AND {moment(begun)} < {end}")


def choose(layouts: Sequence[BillLayout], names: Sequence[str]) -> BillLayout:
    """The layout of a file with columns of these names; CollectionFailed where it is none, or may be several."""
    if len(layouts) == 1:  # whose own words say what is missing
        return layouts[0]
    found = [one for one in layouts if one.knows(Columns(names))]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{one.name} ({one.title})" for one in found or layouts)
    if found:
        raise CollectionFailed(f"its columns are the same in several layouts: name one with --layout: {listed}")
    there = ", ".join(names[:10])
    raise CollectionFailed(f"it is in none of the layouts that are read: {listed}; it has the columns {there} ...")
