"""What the engine would take and BigQuery would not: refused here, so that a test does not pass on it."""

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from emulators.gcp.bigquery.schema import EVERY, PARTITION
from emulators.gcp.errors import GoogleError

_COLUMNS = frozenset(field.name.lower() for field in EVERY) | {PARTITION.lower(), "_partitiondate"}
_TIMESTAMPS = frozenset(field.name.lower() for field in EVERY if field.type == "TIMESTAMP") | {PARTITION.lower()}
_ARRAYS = frozenset(field.name.lower() for field in EVERY if field.repeated)
# Where an alias of the SELECT list may be used.
_AFTER_SELECT = frozenset({"group", "order", "having", "qualify"})


def check(select: exp.Select) -> None:
    """Refuse a SELECT that BigQuery would not take.

    Raises:
        GoogleError: INVALID_ARGUMENT (`invalidQuery`).
    """
    _check_aliases(select)
    _check_times(select)
    _check_groups(select)


def invalid_query(message: str) -> GoogleError:
    """A query that BigQuery would not run."""
    return GoogleError("INVALID_ARGUMENT", message, rest_reason="invalidQuery")


def sources(select: exp.Select) -> list[Any]:
    """What a SELECT reads from: the FROM clause and its joins."""
    start = select.args.get("from_") or select.args.get("from")
    found = [start.this] if start is not None else []
    return [*found, *(join.this for join in select.args.get("joins") or [])]


def _check_aliases(select: exp.Select) -> None:
    """An alias of the SELECT list is not known within that list, nor in WHERE."""
    aliases = {one.alias.lower() for one in select.expressions if isinstance(one, exp.Alias)}
    known = _names_in_scope(select)
    if known is None:
        return
    for column in _own_columns(select):
        name = column.parts[0].name.lower()
        if name in aliases and name not in known and _clause(column, select) not in _AFTER_SELECT:
            raise invalid_query(f"Unrecognized name: {column.parts[0].name}")


def _check_times(select: exp.Select) -> None:
    """A TIMESTAMP and a DATE cannot be compared."""
    for comparison in select.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE):
        kinds = {_kind(comparison.this), _kind(comparison.expression)}
        if kinds == {"TIMESTAMP", "DATE"}:
            raise invalid_query(
                f"No matching signature for operator in {comparison.sql(dialect='bigquery')} for argument types: "
                "TIMESTAMP, DATE"
            )


def _check_groups(select: exp.Select) -> None:
    group = select.args.get("group")
    for item in group.expressions if group is not None else ():
        if isinstance(item, exp.Column) and not item.table and item.name.lower() in _ARRAYS:
            raise invalid_query("Grouping by expressions of type ARRAY is not allowed")


def _kind(side: Any) -> str:
    if isinstance(side, exp.Column) and side.name.lower() in _TIMESTAMPS:
        return "TIMESTAMP"
    if isinstance(side, exp.Cast) and side.to.is_type(exp.DataType.Type.DATE):
        return "DATE"
    return ""


def _own_columns(select: exp.Select) -> Iterator[exp.Column]:
    for column in select.find_all(exp.Column):
        if column.find_ancestor(exp.Select) is select and not isinstance(column.this, exp.Star):
            yield column


def _clause(node: Any, select: exp.Select) -> str:
    while node.parent is not select:
        node = node.parent
    return str(node.arg_key)


def _names_in_scope(select: exp.Select) -> set[str] | None:
    """The names that a SELECT and those around it read from; None where they cannot be told."""
    known: set[str] = set()
    around: exp.Select | None = select
    while around is not None:
        for source in sources(around):
            if isinstance(source, exp.Unnest):
                alias = source.args.get("alias")
                known |= {one.name.lower() for one in alias.columns} if alias is not None else set()
            elif isinstance(source, exp.Table) and (source.db or "." in source.name):
                known |= _COLUMNS | {source.alias_or_name.lower()}
            else:
                return None
        around = around.find_ancestor(exp.Select)
    return known
