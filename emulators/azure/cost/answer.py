"""The columns and rows of an answer."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from emulators.azure.cost.definition import Definition, invalid, month_of
from emulators.azure.cost.dimensions import TAG_KEY, value_of
from emulators.azure.cost.lines import CostLine
from emulators.azure.subscriptions import Subscription

Rows = list[list[Any]]


def columns_of(asked: Definition) -> list[dict[str, str]]:
    """Amounts first, then the date, the groupings, the tags, and the currency always last."""
    columns = [{"name": name, "type": "Number"} for name in asked.amounts]
    if asked.granularity == "Daily":
        columns.append({"name": "UsageDate", "type": "Number"})
    elif asked.granularity == "Monthly":
        columns.append({"name": "BillingMonth", "type": "Datetime"})
    for grouping in asked.groupings:
        names = ("TagKey", "TagValue") if grouping.tag else (grouping.name,)
        columns += [{"name": name, "type": "String"} for name in names]
    if asked.with_tags:
        columns.append({"name": "Tags", "type": "Array"})
    return [*columns, {"name": "Currency", "type": "String"}]


def rows_of(asked: Definition, lines: Iterable[tuple[Subscription, date, CostLine]]) -> Rows:
    """One row for each group of lines; currencies are never added up."""
    reads = [(g, value_of(f"{TAG_KEY}{g.name}" if g.tag else g.name)) for g in asked.groupings]
    totals: dict[tuple[Any, ...], list[Decimal]] = {}
    for subscription, day, line in lines:
        amounts = [line.amount(name, amortized=asked.amortized) for name in asked.amounts]
        if None in amounts or not asked.test(subscription, line):
            continue
        key: list[Any] = [_when(asked, day)] if asked.granularity != "None" else []
        for grouping, read in reads:
            key += [grouping.name, read(subscription, line)] if grouping.tag else [read(subscription, line)]
        if asked.with_tags:
            key.append(tuple(f'"{name}":"{value}"' for name, value in sorted(line.tags.items())))
        key.append(line.currency)
        held = totals.setdefault(tuple(key), [Decimal(0)] * len(amounts))
        for index, amount in enumerate(amounts):
            held[index] += amount or 0
    rows = [[*map(float, held), *key] for key, held in totals.items()]
    return _sorted(asked, rows)


def _when(asked: Definition, day: date) -> int | str:
    return day.year * 10_000 + day.month * 100 + day.day if asked.granularity == "Daily" else month_of(day)


def _sorted(asked: Definition, rows: Rows) -> Rows:
    names = [column["name"].lower() for column in columns_of(asked)]
    rows.sort(key=lambda row: row[len(asked.amounts) :])
    for name, descending in reversed(asked.sorting):
        if name.lower() not in names:
            raise invalid(f"Invalid dataset sorting column: '{name}'.")
        index = names.index(name.lower())
        rows.sort(key=lambda row: row[index], reverse=descending)  # used at once
    return rows
