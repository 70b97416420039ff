"""GoogleSQL made into the engine's SQL, with the meaning that BigQuery gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from emulators.gcp.bigquery.checks import check, invalid_query, sources
from emulators.gcp.bigquery.export import BillingExport, Table
from emulators.gcp.bigquery.schema import PARTITION
from emulators.gcp.bigquery.unnest import name_unnested
from emulators.gcp.errors import GoogleError

# Loaded before any thread translates: the library offers a dialect to others while it is still being made.
for _dialect in ("bigquery", "duckdb"):
    sqlglot.Dialect.get_or_raise(_dialect)

_DATE_OF_PARTITION = "_PARTITIONDATE"
_PSEUDO = frozenset({PARTITION.lower(), _DATE_OF_PARTITION.lower()})


@dataclass
class Scan:
    """One reading of a table: the columns that are touched, and the condition on its partitions in the engine's SQL."""

    table: Table
    columns: list[str]
    pruning: str


@dataclass
class Query:
    """A query that was understood: `sql` for the engine, and what it reads."""

    sql: str
    scans: list[Scan]


def translate(text: str, parameters: "Parameters", export: BillingExport, project: str) -> Query:
    """Understand a query.

    Raises:
        GoogleError: INVALID_ARGUMENT (`invalidQuery`): it is no query; NOT_FOUND: a table that there is not.
    """
    try:
        statements = sqlglot.parse(text, read="bigquery")
    except SqlglotError as refused:
        raise invalid_query(f"Syntax error: {str(refused).splitlines()[0]}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise invalid_query("Syntax error: one query was expected.")
    tree: Any = statements[0].transform(parameters.literal)
    scans: list[Scan] = []
    selects = list(tree.find_all(exp.Select))
    for select in selects:
        name_unnested(select)
        _group_by_alias(select)
    for select in selects:
        check(select)
    for select in selects:
        _read_tables(select, export, project, scans)
    _name_columns(tree)
    _numeric(tree)
    return Query(tree.sql(dialect="duckdb"), scans)


class Parameters:
    """Query parameters as REST gives them, by name or by position, put into the query as literals."""

    def __init__(self, given: list[Mapping[str, Any]]) -> None:
        self._named = {one["name"]: one for one in given if one.get("name")}
        self._positional = iter([one for one in given if not one.get("name")])

    def literal(self, node: Any) -> Any:
        """The literal of a parameter; every other node as it is."""
        if isinstance(node, exp.Parameter):
            name = node.this.name
            found = self._named.get(name)
            if found is None:
                raise invalid_query(f"Query parameter '{name}' not found")
            return _value(found["parameterType"], found.get("parameterValue", {}))
        if isinstance(node, exp.Placeholder) and not node.this:
            found = next(self._positional, None)
            if found is None:
                raise invalid_query("Query has fewer parameters than placeholders")
            return _value(found["parameterType"], found.get("parameterValue", {}))
        return node


def _value(kind: Mapping[str, Any], value: Mapping[str, Any]) -> exp.Expression:
    if kind["type"] == "ARRAY":
        items = [_value(kind["arrayType"], item) for item in value.get("arrayValues", [])]
        array = exp.Array(expressions=items)
        inner = exp.DataType.build(kind["arrayType"]["type"], dialect="bigquery")
        return exp.cast(array, exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[inner], nested=True))
    text = value.get("value")
    literal: exp.Expression = exp.null() if text is None else exp.Literal.string(text)
    return exp.cast(literal, exp.DataType.build(kind["type"], dialect="bigquery"))


def _name_columns(tree: exp.Expression) -> None:
    """A column without a name is f0_, f1_, ...: BigQuery's names, not the engine's."""
    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    anonymous = 0
    for one in list(tree.expressions if isinstance(tree, exp.Select) else []):
        if isinstance(one, exp.Alias | exp.Column | exp.Dot | exp.Star):
            continue
        one.replace(exp.alias_(one.copy(), f"f{anonymous}_"))
        anonymous += 1


def _group_by_alias(select: exp.Select) -> None:
    """GROUP BY means the alias of the SELECT list before a column of that name: BigQuery's rule, not the engine's."""
    group = select.args.get("group")
    if group is None:
        return
    aliases = {one.alias.lower(): place for place, one in enumerate(select.expressions, 1) if one.alias}
    for item in list(group.expressions):
        if isinstance(item, exp.Column) and not item.table and item.name.lower() in aliases:
            item.replace(exp.Literal.number(aliases[item.name.lower()]))


def _read_tables(select: exp.Select, export: BillingExport, project: str, scans: list[Scan]) -> None:
    """Name the engine's tables, hide the pseudo columns from `*`, and note what is read."""
    common = {one.alias_or_name.lower() for cte in _withs(select) for one in cte.expressions}
    for source in sources(select):
        if not isinstance(source, exp.Table) or isinstance(source.this, exp.Anonymous):
            continue
        if not source.db and (source.name.lower() in common or "." not in source.name):
            continue
        table = _table(source, export, project)
        if table.is_view:
            _refuse_pseudo(select)
        scans.append(Scan(table, _columns(select, table), _pruning(select)))
        _hide_pseudo(select)
        named = exp.to_table(table.data)
        named.set("alias", source.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name.split(".")[2])))
        source.replace(named)
    for column in list(select.find_all(exp.Column)):
        if column.name.lower() == _DATE_OF_PARTITION.lower() and column.find_ancestor(exp.Select) is select:
            column.replace(exp.cast(exp.column(PARTITION), "DATE"))


def _withs(select: exp.Select) -> list[Any]:
    found: list[Any] = []
    node: Any = select
    while node is not None:
        with_ = node.args.get("with_") or node.args.get("with")
        if with_ is not None:
            found.append(with_)
        node = node.parent
    return found


def _table(source: exp.Table, export: BillingExport, project: str) -> Table:
    parts = ".".join(part.name for part in source.parts).split(".")
    if len(parts) == len(("dataset", "table")):
        parts = [project, *parts]
    name = ".".join(parts)
    table = export.table(name)
    if table is not None:
        return table
    of_dataset = ".".join(parts[:2])
    if not export.has_dataset(of_dataset):
        shown = of_dataset.replace(".", ":", 1)
        raise GoogleError("NOT_FOUND", f"Not found: Dataset {shown} was not found in location US")
    shown = name.replace(".", ":", 1)
    raise GoogleError("NOT_FOUND", f"Not found: Table {shown} was not found in location US")


def _columns(select: exp.Select, table: Table) -> list[str]:
    """The columns of a table that a query may touch: by name, or all of them for a `*`."""
    if any(isinstance(one, exp.Star) or (isinstance(one, exp.Column) and one.is_star) for one in select.expressions):
        return [field.name for field in table.fields]
    names = {part.name.lower() for column in select.find_all(exp.Column) for part in column.parts}
    return [field.name for field in table.fields if field.name.lower() in names]


def _pruning(select: exp.Select) -> str:
    """The conditions of WHERE that speak of the partition alone."""
    where = select.args.get("where")
    if where is None:
        return "TRUE"
    kept = []
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        names = {column.name.lower() for column in condition.find_all(exp.Column)}
        if names and names <= _PSEUDO:
            kept.append(_bare(condition.copy()).sql(dialect="duckdb"))
    return " AND ".join(f"({one})" for one in kept) or "TRUE"


def _bare(condition: Any) -> Any:
    def plain(node: Any) -> Any:
        if not isinstance(node, exp.Column):
            return node
        column = exp.column(PARTITION)
        return exp.cast(column, "DATE") if node.name.lower() == _DATE_OF_PARTITION.lower() else column

    return condition.transform(plain)


def _refuse_pseudo(select: exp.Select) -> None:
    """A view has none of the columns of partitions."""
    for column in select.find_all(exp.Column):
        if column.name.lower() in _PSEUDO:
            raise invalid_query(f"Unrecognized name: {column.name} at [1:1]")


def _hide_pseudo(select: exp.Select) -> None:
    for one in select.expressions:
        star = one if isinstance(one, exp.Star) else one.this if isinstance(one, exp.Column) else None
        if isinstance(star, exp.Star):
            hidden = star.args.get("except_") or star.args.get("except") or []
            if all(name.name != PARTITION for name in hidden):
                star.set("except_", [*hidden, exp.to_identifier(PARTITION)])


def _numeric(tree: exp.Expression) -> None:
    """BigQuery's NUMERIC has nine decimals, its BIGNUMERIC more than the engine: eighteen are kept."""
    scales: Mapping[Any, int] = {exp.DataType.Type.DECIMAL: 9, exp.DataType.Type.BIGDECIMAL: 18}
    for kind in list(tree.find_all(exp.DataType)):
        scale = scales.get(kind.this)
        if scale is not None and not kind.expressions:
            kind.set("this", exp.DataType.Type.DECIMAL)
            digits = [exp.Literal.number(number) for number in (38, scale)]
            kind.set("expressions", [exp.DataTypeParam(this=one) for one in digits])
