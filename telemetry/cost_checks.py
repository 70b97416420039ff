"""What makes lines of costs impossible. Whole columns are looked at first, as in telemetry/checks.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from operator import attrgetter

from telemetry import amounts
from telemetry.costs import NUMBERS, QUANTITIES, TEXTS, ChargeCategory, CostLine
from telemetry.faults import are_short, check_currency, check_moment, check_size, each_entry, each_text, fail
from telemetry.limits import EARLIEST, LATEST, MAX_INT4
from telemetry.target import Window

_numbers_of = attrgetter(*NUMBERS)
_texts_of = attrgetter(*TEXTS)
_FEW = 16
_SHORT = 500
"""So few tags, of so few characters, cannot be too much in one record."""


def check_costs(lines: Sequence[CostLine], window: Window) -> None:
    """Raise InvalidRecord where a line is impossible."""
    if are_fine(lines, window):
        return
    for index, line in enumerate(lines):
        _check_line(f"costs[{index}]", line, window)


def are_fine(lines: Sequence[CostLine], window: Window) -> bool:
    """Whether a glance tells that no line is impossible; where it does not, each has to be looked at."""
    first, last = window.start, window.end
    known: list[Decimal] = []
    for line in lines:
        start, end = line.start, line.end
        if start.tzinfo is None or end.tzinfo is None or start >= end:
            return False
        if not (first <= start and end <= last) and not _is_placed(line, window):
            return False
        if not 1 <= line.lines <= MAX_INT4:
            return False
        found = [amount for amount in _numbers_of(line) if amount is not None]
        if line.amounts:
            found += line.amounts.values()
        if len(found) <= (line.quantity is not None) + (line.pricing_quantity is not None):
            return False
        known += found
        if len(line.tags) > _FEW or len(line.amounts) > _FEW or len(line.details) > _FEW:
            return False
    texts = list(chain.from_iterable(map(_texts_of, lines)))
    for line in lines:
        texts += (*line.tags, *line.tags.values(), *line.amounts, *line.details, *line.details.values())
    return (
        amounts.are_bounded(known)
        and are_short(texts, _SHORT)
        and {line.charge_category for line in lines} <= {"", *ChargeCategory}
        and all(map(_is_currency, {line.currency for line in lines}))
        and all(_is_period(*period) for period in {(x.billing_period_start, x.billing_period_end) for x in lines})
    )


def _is_currency(text: str) -> bool:
    return len(text) == len("USD") and text.isascii() and text.isalpha() and text.isupper()


def _is_period(start: datetime | None, end: datetime | None) -> bool:
    """Whether it can be a billing period; there may be none."""
    if start is None or end is None:
        return start is end
    zoned = start.tzinfo is not None and end.tzinfo is not None
    return zoned and EARLIEST <= start < end <= LATEST


def _check_line(path: str, line: CostLine, window: Window) -> None:
    check_moment(f"{path}.start", line.start)
    check_moment(f"{path}.end", line.end)
    if not (line.start < line.end and _is_placed(line, window)):
        fail(f"{path}.start", f"{line.start} to {line.end}", f"a period inside the window {window}")
    if not 1 <= line.lines <= MAX_INT4:
        fail(f"{path}.lines", line.lines, "a whole number from 1")
    if not _is_period(line.billing_period_start, line.billing_period_end):
        period = f"{line.billing_period_start} to {line.billing_period_end}"
        fail(f"{path}.billing_period_start", period, "a period between the years 2000 and 2100, or neither end of it")
    check_currency(f"{path}.currency", line.currency)
    named: Mapping[str, Decimal | None] = dict(zip(NUMBERS, _numbers_of(line), strict=True))
    known = {name: amount for name, amount in {**named, **line.amounts}.items() if amount is not None}
    if not known.keys() - set(QUANTITIES):
        fail(path, line.breakdown, "at least one amount")
    for name, amount in known.items():
        if not amounts.is_bounded(amount):
            fail(f"{path}.{name[:40]}", amount, amounts.REMEDY)
    if line.charge_category and line.charge_category not in set(ChargeCategory):
        fail(f"{path}.charge_category", line.charge_category, f"one of {', '.join(ChargeCategory)}, or empty")
    each_text(f"{path}.", zip(TEXTS, _texts_of(line), strict=True))
    each_entry(f"{path}.amounts", line.amounts)
    each_entry(f"{path}.tags", line.tags)
    each_entry(f"{path}.details", line.details)
    names = (*line.amounts, *line.tags, *line.tags.values(), *line.details, *line.details.values())
    check_size(path, [*_texts_of(line), *names])


def _is_placed(line: CostLine, window: Window) -> bool:
    """Whether it belongs into the window: by its time, or because the invoice of that period has it.

    An invoice has charges of other times, too: fees that begin before, corrections of former months.
    """
    inside = window.start <= line.start and line.end <= window.end
    invoiced = line.billing_period_start == window.start and line.billing_period_end == window.end
    return inside or (invoiced and line.start >= EARLIEST and line.end <= LATEST)
