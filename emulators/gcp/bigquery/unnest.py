"""UNNEST of a repeated record: its fields may be named without its alias, which the engine does not know."""

from collections.abc import Iterator

from sqlglot import exp

from emulators.gcp.bigquery.checks import sources
from emulators.gcp.bigquery.schema import EVERY, Field


def _records(fields: tuple[Field, ...]) -> Iterator[tuple[str, frozenset[str]]]:
    for field in fields:
        if field.repeated and field.fields:
            yield field.name, frozenset(inner.name for inner in field.fields)
        yield from _records(field.fields)


_FIELDS = dict(_records(EVERY))


def name_unnested(select: exp.Select) -> None:
    """Give each UNNEST an alias, and put it in front of the fields that stand without one."""
    aliases: dict[str, str] = {}
    for number, unnest in enumerate(_unnests(select)):
        array = unnest.expressions[0]
        fields = _FIELDS.get(array.name, frozenset()) if isinstance(array, exp.Column | exp.Dot) else frozenset()
        alias = unnest.args.get("alias")
        if alias is None or not alias.columns:
            alias = exp.TableAlias(columns=[exp.to_identifier(f"_unnested{number}")])
            unnest.set("alias", alias)
        aliases |= dict.fromkeys(fields, alias.columns[0].name)
    for column in list(select.find_all(exp.Column)):
        if not column.table and column.name in aliases and column.find_ancestor(exp.Select) is select:
            if isinstance(column.parent, exp.Unnest):
                continue
            column.set("table", exp.to_identifier(aliases[column.name]))


def _unnests(select: exp.Select) -> Iterator[exp.Unnest]:
    for source in sources(select):
        if isinstance(source, exp.Unnest):
            yield source
