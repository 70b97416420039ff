"""From what the query has summed to lines of a bill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context as DecimalContext
from decimal import Decimal, Inexact
from typing import TYPE_CHECKING, Any

from agents.core.bills.fold_sql import Plan
from agents.core.bills.tags import parse_tags
from agents.core.context import Context
from telemetry.amounts import parse_amount
from telemetry.costs import ChargeCategory, CostLine
from telemetry.errors import CollectionFailed
from telemetry.target import Window

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = DecimalContext(prec=2000, traps=[Inexact])
_CATEGORIES = {one.lower(): str(one) for one in ChargeCategory}
_BEFORE = 5
"""Columns before the keys: start, end, what is wrong, count, first row."""
_OF_A_SUM = 4

Where = Callable[[int], str]
"""The file and the row of a number of a row."""


class Lines:
    """Makes lines, and counts those that tell no amount."""

    def __init__(self, plan: Plan, window: Window, context: Context, where: Where) -> None:
        self._plan = plan
        self._window = window
        self._context = context
        self._where = where
        self._without_amounts = 0
        self._moments: dict[int, datetime] = {}
        self._tags: dict[str, tuple[dict[str, str], str]] = {}

    def of(self, batch: pa.RecordBatch) -> Iterator[CostLine]:
        """The lines of some groups."""
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            line = self._line(row)
            if line is not None:
                yield line

    def conclude(self) -> None:
        """Say what is missing."""
        if self._without_amounts:
            self._context.partial("amounts", "the files tell none", of="lines", count=self._without_amounts)

    def _line(self, row: tuple[Any, ...]) -> CostLine | None:
        start, end, bad, count, first = row[:_BEFORE]
        if bad is not None and bad.startswith("before: "):
            told = bad.removeprefix("before: ")[:60]
            raise CollectionFailed(f"{self._where(first)}: the charge ends ({told}) before it starts")
        if bad is not None:
            raise CollectionFailed(
                f"{self._where(first)}: the {bad[:100]!r} of a charge is no time such as 2026-05-31T00:00:00Z"
            )
        keys = len(self._plan.keys)
        fields: dict[str, Any] = {}
        details: dict[str, str] = {}
        tags: dict[str, str] = {}
        for name, text in zip(self._plan.keys, row[_BEFORE : _BEFORE + keys], strict=True):
            if text is not None:
                self._take(name, text, fields, details, tags)
        numbers, amounts = self._sums(row[_BEFORE + keys :])
        if not (numbers.keys() - {"quantity", "pricing_quantity"} or amounts):
            self._without_amounts += count
            return None
        fields["currency"] = _currency(fields.get("currency"), self._where, first)
        return CostLine(
            start=self._moment(start), end=self._moment(end), lines=count, amounts=amounts, tags=tags, details=details,
            billing_period_start=self._window.start, billing_period_end=self._window.end, **numbers, **fields,
        )  # fmt: skip

    def _take(
        self, name: str, text: str, fields: dict[str, Any], details: dict[str, str], tags: dict[str, str]
    ) -> None:
        kind, _, name = name.partition(":")
        if kind == "detail":
            details[name] = text
        elif kind == "tag":
            tags[name] = text
        elif kind == "tags":
            known = self._tags.get(text)
            if known is None:
                if len(self._tags) >= _KEPT:
                    self._tags.clear()
                known = self._tags[text] = parse_tags(text)
            tags.update(known[0])
            if known[1]:
                details["Tags"] = known[1]
        elif kind == "currency":
            fields["currency"] = text
        elif kind == "estimated":
            fields["estimated"] = _ESTIMATED.get(text.lower())
        elif name == "charge_category" and text.lower() not in _CATEGORIES:
            details["ChargeCategory"] = text
        else:
            fields[name] = _CATEGORIES[text.lower()] if name == "charge_category" else text

    def _sums(self, sums: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Decimal]]:
        numbers: dict[str, Any] = {}
        amounts: dict[str, Decimal] = {}
        for place, name in enumerate(self._plan.sums):
            *parts, rest = sums[place * _OF_A_SUM : (place + 1) * _OF_A_SUM]
            if rest is None and all(part is None for part in parts):  # none of its rows tells it
                continue
            kind, _, short = name.partition(":")
            (numbers if kind == "number" else amounts)[short] = _total(short, parts, rest, self._where)
        return numbers, amounts

    def _moment(self, microseconds: int) -> datetime:
        known = self._moments.get(microseconds)
        if known is None:
            if len(self._moments) >= _KEPT:
                self._moments.clear()
            known = self._moments[microseconds] = _EPOCH + timedelta(microseconds=microseconds)
        return known


_KEPT = 10_000
_ESTIMATED = {"true": True, "false": False}
_LETTERS = 3


def _currency(text: str | None, where: Where, row: int) -> str:
    if text is None:
        raise CollectionFailed(f"{where(row)}: the currency of a charge is not told")
    if len(text) == _LETTERS and text.isascii() and text.isalpha():
        return text.upper()
    raise CollectionFailed(f"{where(row)}: the currency {text[:40]!r} of a charge must be three letters, such as USD")


def _total(name: str, parts: Sequence[Decimal | None], rest: Sequence[str] | None, where: Where) -> Decimal:
    total = Decimal(0)
    add = _EXACT.add
    for part in parts:
        if part:
            total = add(total, part)
    for told in rest or ():
        row, _, text = told.partition(" ")
        try:
            total = add(total, parse_amount(text))
        except ValueError as error:
            raise CollectionFailed(f"{where(int(row))}: {name}: {error}") from None
    return _short(total)


def _short(amount: Decimal) -> Decimal:
    """The same without zeros at the end."""
    if not amount:
        return Decimal(0)
    short = _EXACT.normalize(amount)
    return _EXACT.quantize(short, Decimal(1)) if short.as_tuple().exponent > 0 and short.adjusted() < _LONG else short  # type: ignore[operator]  # finite


_LONG = 100
