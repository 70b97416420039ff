"""Queries: a table, and the operators that it is piped through."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulators.azure.kql.errors import KqlError
from emulators.azure.kql.expressions import Expression, Reader, Row, expression
from emulators.azure.kql.summarize import summarize
from emulators.azure.kql.tokens import tokenize


@dataclass(frozen=True)
class Table:
    """Rows, each with a value for every one of `columns`."""

    columns: tuple[str, ...]
    rows: list[Row]


Step = Callable[[Table], Table]


@dataclass(frozen=True)
class Query:
    """`source` is the table named first, `limited` whether an operator cuts the number of rows."""

    source: str
    steps: tuple[Step, ...]
    limited: bool

    def run(self, tables: Mapping[str, Callable[[], Table]]) -> Table:
        """The result.

        Raises:
            KqlError: no such table, or a column that it does not have.
        """
        source = tables.get(self.source)
        if source is None:
            raise KqlError(
                f"'{self.source}' table or view could not be resolved: there are {', '.join(sorted(tables))}"
            )
        table = source()
        for step in self.steps:
            table = step(table)
        return table


def parse(text: str, now: datetime) -> Query:
    """Read a query that is asked at `now`.

    Raises:
        KqlError: it is not one that is served; the message says where.
    """
    reader = Reader(tokenize(text), now)
    if reader.next.text == "let":
        raise reader.wrong("the name of a table is expected ('let' is not served)")
    source = "Resources"
    steps: list[Step] = []
    words: list[str] = []
    if reader.next.text in _OPERATORS:
        # Resource Graph takes a query that begins with an operator, and reads Resources.
        words.append(reader.next.text)
        steps.append(_operator(reader))
    else:
        source = reader.name()
    while reader.accept("|"):
        words.append(reader.next.text)
        steps.append(_operator(reader))
    reader.accept(";")
    if reader.next.kind != "end":
        raise reader.wrong("'|' or the end of the query is expected")
    return Query(source, tuple(steps), not {"take", "limit", "top"}.isdisjoint(words))


def _operator(reader: Reader) -> Step:
    name = reader.name()
    build = _OPERATORS.get(name)
    if build is None:
        raise KqlError(f"The operator '{name}' is not served: there are {', '.join(sorted(_OPERATORS))}")
    return build(reader)


def check(columns: Iterable[str], used: Iterable[str]) -> None:
    """Refuse columns that a table does not have."""
    for name in sorted(set(used) - set(columns)):
        raise KqlError(f"Failed to resolve column or scalar expression named '{name}'")


def _where(reader: Reader) -> Step:
    test = expression(reader)

    def step(table: Table) -> Table:
        check(table.columns, test.columns)
        passes = test.evaluate
        return Table(table.columns, [row for row in table.rows if passes(row)])

    return step


def _assignments(reader: Reader) -> list[tuple[str, Expression]]:
    found: list[tuple[str, Expression]] = []
    while True:
        name = reader.name() if reader.follows("=") else ""
        if name:
            reader.expect("=")
        value = expression(reader)
        found.append((name or value.name or f"Column{len(found) + 1}", value))
        if not reader.accept(","):
            return found


def _project(reader: Reader) -> Step:
    wanted = _assignments(reader)

    def step(table: Table) -> Table:
        check(table.columns, frozenset().union(*(value.columns for _, value in wanted)))
        rows = [{name: value.evaluate(row) for name, value in wanted} for row in table.rows]
        return Table(tuple(name for name, _ in wanted), rows)

    return step


def _extend(reader: Reader) -> Step:
    added = _assignments(reader)

    def step(table: Table) -> Table:
        columns = table.columns
        rows = table.rows
        for name, value in added:
            check(columns, value.columns)
            rows = [{**row, name: value.evaluate(row)} for row in rows]
            columns = (*(one for one in columns if one != name), name)
        return Table(columns, rows)

    return step


def _names(reader: Reader) -> list[str]:
    names = [reader.name()]
    while reader.accept(","):
        names.append(reader.name())
    return names


def _project_away(reader: Reader) -> Step:
    away = set(_names(reader))

    def step(table: Table) -> Table:
        check(table.columns, away)
        columns = tuple(name for name in table.columns if name not in away)
        return Table(columns, [{name: row[name] for name in columns} for row in table.rows])

    return step


def _distinct(reader: Reader) -> Step:
    names = _names(reader)

    def step(table: Table) -> Table:
        check(table.columns, names)
        seen: dict[str, Row] = {}
        for row in table.rows:
            kept = {name: row[name] for name in names}
            seen.setdefault(repr(kept), kept)
        return Table(tuple(names), list(seen.values()))

    return step


def _order(reader: Reader) -> Step:
    reader.expect("by")
    keys: list[tuple[Expression, bool]] = []
    while True:
        key = expression(reader)
        # Descending is Kusto's default.
        descending = reader.accept("asc", "desc") != "asc"
        if reader.accept("nulls"):
            raise reader.wrong("'nulls first' and 'nulls last' are not served: the end of the key is expected")
        keys.append((key, descending))
        if not reader.accept(","):
            break

    def step(table: Table) -> Table:
        rows = table.rows
        for key, descending in reversed(keys):
            check(table.columns, key.columns)
            rows = sorted(rows, key=lambda row, by=key.evaluate: _sortable(by(row)), reverse=descending)  # type: ignore[misc]
        return Table(table.columns, rows)

    return step


def _sortable(value: Any) -> tuple[bool, Any]:
    # Nulls come first when ascending, last when descending, as in Kusto.
    return value is not None, 0 if value is None else value


def _limit(reader: Reader) -> Step:
    token = reader.take()
    if token.kind != "number":
        raise KqlError(f"Syntax error at position {token.at}: a number of rows is expected")
    most = int(token.text)
    return lambda table: Table(table.columns, table.rows[:most])


def _top(reader: Reader) -> Step:
    cut = _limit(reader)
    order = _order(reader)
    return lambda table: cut(order(table))


def _count(_reader: Reader) -> Step:
    return lambda table: Table(("Count",), [{"Count": len(table.rows)}])


def _summarize(reader: Reader) -> Step:
    grouped = summarize(reader)

    def step(table: Table) -> Table:
        check(table.columns, grouped.used)
        return Table(grouped.columns, grouped.run(table.rows))

    return step


_OPERATORS: dict[str, Callable[[Reader], Step]] = {
    "where": _where,
    "project": _project,
    "project-away": _project_away,
    "extend": _extend,
    "distinct": _distinct,
    "order": _order,
    "sort": _order,
    "limit": _limit,
    "take": _limit,
    "top": _top,
    "count": _count,
    "summarize": _summarize,
}
