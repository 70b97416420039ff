"""Sums of a bill by all that it can be cut by: of lines as they were read, and of rows as a generator made them."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from telemetry.costs import CostLine

DATA = Path(__file__).parents[1] / "data" / "bills"
Row = Mapping[str, str]
Cuts = Mapping[str, tuple[Callable[[Row], Any], Callable[[CostLine], Any]]]


def recorded(name: str) -> list[dict[str, str]]:
    """The rows of a recorded file."""
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def sums(amounts: Iterable[tuple[Any, Decimal | None]]) -> dict[Any, Decimal]:
    """By key, exactly."""
    found: defaultdict[Any, Decimal] = defaultdict(Decimal)
    with localcontext(prec=200):
        for key, amount in amounts:
            found[key] += amount or 0
    return dict(found)


def check_sums(rows: list[dict[str, str]], lines: list[CostLine], cuts: Cuts, amount: str, column: str) -> None:
    """AssertionError where a sum of the lines' ``column`` by any cut is not that of the rows' ``amount``."""
    assert sum(line.lines for line in lines) == len(rows)
    assert len(lines) <= len(rows)
    for name, (of_row, of_line) in cuts.items():
        told = sums((of_row(row), Decimal(row[amount] or "0")) for row in rows)
        read = sums((of_line(line), getattr(line, column)) for line in lines)
        assert read == told, name
