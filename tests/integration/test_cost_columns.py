"""A field of CostLine has its column everywhere: in the migrated database, COPY, the views, and where it is pushed.

To add a field: CostLine, a migration, the list of COPY in storage/sql/writer_costs.sql, the views, and here what is
not pushed.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from storage.cost_columns import FIELDS, as_copy
from storage.database import Database
from storage.sql import load
from storage.tables import cost_lines
from telemetry.costs import COSTS, NUMBERS, TEXTS, CostLine
from telemetry.push.message import PushedCharge, schema
from telemetry.target import Window
from tests.support.writing import TARGET, plan, put, report, run

_KEY = ("run_id", "number", "line")
_TYPES: dict[object, tuple[str, str]] = {
    str: ("text", "NO"),
    datetime: ("timestamp with time zone", "NO"),
    Decimal | None: ("numeric", "YES"),
    bool | None: ("boolean", "YES"),
    datetime | None: ("timestamp with time zone", "YES"),
    dict[str, str]: ("jsonb", "NO"),
    dict[str, Decimal]: ("jsonb", "NO"),
    int: ("integer", "NO"),
}
_NOT_PUSHED = {
    "breakdown": "what is pushed is the bill",
    "start": "the day of the message",
    "end": "the day of the message",
    "amounts": "the names of a provider's own amounts",
    "charge_class": "a day that is pushed again replaces the one before",
    "charge_type": "a provider's own word",
    "billing_period_start": "what a source pushes is on no invoice of a provider's",
    "billing_period_end": "the same",
    "lines": "what is pushed is one line",
}
_PUSHED_AS: dict[object, set[str]] = {
    str: {"string"},
    Decimal | None: {"number", "string", "null"},
    bool | None: {"boolean", "null"},
    dict[str, str]: {"object"},
}


@pytest.mark.parametrize(("column", "kind"), FIELDS.items(), ids=list(FIELDS))
def test_a_field_has_its_column_in_the_migrated_database(database: Database, column: str, kind: object) -> None:
    with database.connection() as connection:
        found = connection.execute(
            b"SELECT data_type, is_nullable FROM information_schema.columns"
            b" WHERE (table_schema, table_name, column_name) = ('finfleet', 'cost_lines', %s)",
            (column,),
        ).fetchone()
    assert found == _TYPES[kind]


def test_the_table_has_no_other_columns(database: Database) -> None:
    with database.connection() as connection:
        found = connection.execute(
            b"SELECT column_name FROM information_schema.columns WHERE table_schema = 'finfleet'"
            b" AND table_name = 'cost_lines' ORDER BY ordinal_position"
        ).fetchall()
    assert [name for (name,) in found] == [*_KEY, *FIELDS] == [column.name for column in cost_lines.columns]


def test_copy_names_the_columns_in_the_order_of_the_values() -> None:
    listed = re.search(rb"\((.*)\)", load("writer_costs")["copy_cost_lines"], re.DOTALL)
    assert listed is not None
    assert [name.strip().decode() for name in listed[1].split(b",")] == [*_KEY, *FIELDS]


def _distinct() -> dict[str, Any]:
    distinct: dict[str, Any] = {name: name for name in TEXTS}
    distinct |= {name: Decimal(number) for number, name in enumerate(NUMBERS)}
    distinct |= {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2026, 1, 2, tzinfo=UTC)}
    distinct |= {"amounts": {"Net": Decimal("3.10")}, "tags": {"team": "search"}, "estimated": True}
    distinct |= {"lines": 7, "details": {"x_Operation": "RunInstances"}}
    return distinct | {"billing_period_start": distinct["start"], "billing_period_end": distinct["end"]}


_ODD = ["\\N", "\\", "\\.", "a\tb", "a\nb", "a\r\nb", '"', "\\n", "\x01\x1f", "ü😀", "", " "]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "estimated": None,
            **dict.fromkeys(NUMBERS),
            "billed_cost": Decimal("-0.00000000000000000000000000000000000001"),
        },
        {
            "estimated": False,
            "billed_cost": Decimal("1E+30"),
            "effective_cost": Decimal("12345678901234567890.123456789"),
        },
        {"amounts": {}, "tags": {}, "details": {}, "billing_period_start": None, "billing_period_end": None},
        *(dict.fromkeys(TEXTS, odd) | {"tags": {f"k{odd}": odd}, "details": {odd or "k": odd}} for odd in _ODD),
        {"tags": {f"k{number}": odd for number, odd in enumerate(_ODD)}, "amounts": {"a\\\t": Decimal("0.10")}},
    ],
)
def test_copy_writes_every_field(database: Database, changes: dict[str, Any]) -> None:
    line = CostLine(**_distinct() | changes)
    window = Window(line.start, line.end)
    # As text: else it is read as a float.
    names = b", ".join(b"amounts::text" if name == "amounts" else name.encode() for name in FIELDS)
    with database.connection() as connection:
        plan(connection, TARGET, window)
        of = run(TARGET, window)
        put(connection, report(of, batches=9))
        with connection.cursor() as cursor, cursor.copy(load("writer_costs")["copy_cost_lines"]) as copy:
            copy.write(as_copy([line, CostLine(**_distinct()), line], f"{of.run_id}\t4\t"))
        found = connection.execute(
            b"SELECT number, line, " + names + b" FROM finfleet.cost_lines ORDER BY line"
        ).fetchall()
    expected = [getattr(line, field.name) for field in msgspec.structs.fields(CostLine)]
    place = list(FIELDS).index("amounts")
    assert [row[:2] for row in found] == [(4, 0), (4, 1), (4, 2)]
    for row in (found[0], found[2]):
        values = list(row[2:])
        values[place] = msgspec.json.decode(values[place], type=dict[str, Decimal])
        assert values == expected


@pytest.mark.parametrize(
    ("view", "but"),
    [("costs", {"breakdown"}), ("cost_breakdowns", set[str]())],  # costs are the bill alone
)
def test_the_views_show_every_field(database: Database, view: str, but: set[str]) -> None:
    with database.connection() as connection:
        found = connection.execute(
            b"SELECT column_name FROM information_schema.columns WHERE (table_schema, table_name) = ('reporting', %s)",
            (view,),
        ).fetchall()
    shown = {name for (name,) in found}
    assert set(FIELDS) - shown == but


def test_what_is_pushed_is_a_field_of_the_line() -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(CostLine)}
    pushed = set(PushedCharge.model_fields)
    assert pushed == fields.keys() - _NOT_PUSHED.keys()
    assert set(COSTS) < pushed


@pytest.mark.parametrize("name", sorted(PushedCharge.model_fields))
def test_a_pushed_field_has_the_type_of_the_line(name: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(CostLine)}
    parts = schema()["$defs"]
    said = parts["PushedCharge"]["properties"][name]
    forms = [parts[form["$ref"].rpartition("/")[2]] if "$ref" in form else form for form in said.get("anyOf", [said])]
    found = {form["type"] for form in forms}
    assert found - {"null"} == _PUSHED_AS[fields[name]] - {"null"}
