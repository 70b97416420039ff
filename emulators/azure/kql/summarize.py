"""`summarize`: groups of rows, and what is calculated of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulators.azure.kql.errors import KqlError
from emulators.azure.kql.expressions import Expression, Reader, Row, expression
from emulators.azure.kql.functions import AGGREGATIONS

_Fold = Callable[[list[Row]], dict[str, Any]]


@dataclass(frozen=True)
class Grouping:
    """A `summarize`: `columns` are those of its result, `used` those that it reads."""

    columns: tuple[str, ...]
    used: frozenset[str]
    by: list[tuple[str, Expression]]
    folds: list[_Fold]

    def run(self, rows: list[Row]) -> list[Row]:
        """One row for each group; one for all where it groups by nothing."""
        groups: dict[tuple[Any, ...], list[Row]] = {} if self.by else {(): []}
        keys = [value.evaluate for _, value in self.by]
        for row in rows:
            groups.setdefault(tuple(key(row) for key in keys), []).append(row)
        names = [name for name, _ in self.by]
        results = []
        for key, members in groups.items():
            result = dict(zip(names, key, strict=True))
            for fold in self.folds:
                result |= fold(members)
            results.append(result)
        return results


def summarize(reader: Reader) -> Grouping:
    """Read what follows the word `summarize`."""
    names: list[str] = []
    folds: list[_Fold] = []
    used: frozenset[str] = frozenset()
    while reader.next.text != "by":
        alias = reader.name() if reader.follows("=") else ""
        if alias:
            reader.expect("=")
        gives, fold, columns = _aggregation(reader, alias)
        names += gives
        folds.append(fold)
        used |= columns
        if not reader.accept(","):
            break
    by = _keys(reader) if reader.accept("by") else []
    used = used.union(*(value.columns for _, value in by))
    return Grouping((*(name for name, _ in by), *names), used, by, folds)


def _keys(reader: Reader) -> list[tuple[str, Expression]]:
    keys: list[tuple[str, Expression]] = []
    while True:
        alias = reader.name() if reader.follows("=") else ""
        if alias:
            reader.expect("=")
        value = expression(reader)
        keys.append((alias or value.name or f"Column{len(keys) + 1}", value))
        if not reader.accept(","):
            return keys


def _aggregation(reader: Reader, alias: str) -> tuple[list[str], _Fold, frozenset[str]]:
    function = reader.name()
    reader.expect("(")
    arguments: list[Expression] = []
    while not reader.accept(")"):
        if arguments:
            reader.expect(",")
        arguments.append(expression(reader))
    columns = frozenset().union(*(one.columns for one in arguments))
    if function in {"arg_max", "arg_min"}:
        names, fold = _extreme(function, arguments, alias)
        return names, fold, columns
    calculate = AGGREGATIONS.get(function)
    if calculate is None:
        raise KqlError(f"Unknown aggregation: '{function}'. There are {', '.join(sorted(AGGREGATIONS))}")
    value = arguments[0].evaluate if arguments else lambda _row: 1
    further = [one.evaluate({}) for one in arguments[1:]]
    suffix = "_".join([arguments[0].name if arguments else "", *map(str, further)])
    name = alias or f"{function}_{suffix}"
    return [name], lambda rows: {name: calculate([value(row) for row in rows], *further)}, columns


def _extreme(function: str, arguments: list[Expression], alias: str) -> tuple[list[str], _Fold]:
    if len(arguments) < 2 or not all(one.name for one in arguments):  # noqa: PLR2004  # what it looks for, and what it gives
        raise KqlError(f"{function}() takes a column and the columns that go with it; '*' is not served")
    by, choose = arguments[0].evaluate, max if function == "arg_max" else min
    names = [alias or arguments[0].name, *(one.name for one in arguments[1:])]

    def fold(rows: list[Row]) -> dict[str, Any]:
        known = [row for row in rows if by(row) is not None]
        if not known:
            return dict.fromkeys(names)
        row = choose(known, key=by)
        return {name: one.evaluate(row) for name, one in zip(names, arguments, strict=True)}

    return names, fold
