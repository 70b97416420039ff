"""The query language of the local Azure: what Kusto's documentation says of values, by small tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.azure.kql import KqlError, Table, parse

_COLUMNS = ("n", "name", "at", "x")
_NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
_NOW = _NOON + timedelta(days=1, minutes=30)
_ROWS: list[dict[str, Any]] = [
    {"n": 1, "name": "Alpha", "at": _NOON, "x": {"a": {"b-c": "yes"}, "list": [10, 20]}},
    {"n": 2, "name": "beta", "at": _NOON + timedelta(minutes=7), "x": {"a": None}},
    {"n": None, "name": "", "at": None, "x": None},
    {"n": 4, "name": "alphabet's", "at": _NOON + timedelta(hours=1), "x": {"a": {"b-c": "no"}}},
]


def run(query: str) -> list[list[Any]]:
    result = parse(query, _NOW).run({"T": lambda: Table(_COLUMNS, _ROWS)})
    assert all(list(row) == list(result.columns) for row in result.rows)
    return [list(row.values()) for row in result.rows]


def numbers(condition: str) -> list[Any]:
    return [n for (n,) in run(f"T | where {condition} | project n")]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name == 'alpha'", []),
        ("name =~ 'alpha'", [1]),
        ("name != 'beta'", [1, None, 4]),
        ("name !~ 'ALPHA'", [2, None, 4]),
        ("name in ('Alpha', 'Beta')", [1]),
        ("name in~ ('Alpha', 'Beta')", [1, 2]),
        ("name !in~ ('Alpha', 'Beta')", [None, 4]),
        ("name contains 'PHA'", [1, 4]),
        ("name contains_cs 'PHA'", []),
        ("name !contains 'pha'", [2, None]),
        ("name startswith 'al' and not(name endswith 'a')", [4]),
        ("name == @'alphabet''s' or name == \"Alpha\"", [1, 4]),
        ("name == 'alphabet\\'s'", [4]),
        ("isempty(name)", [None]),
        ("isnotnull(n) and n >= 2", [2, 4]),
        ("n between (2 .. 4)", [2, 4]),
        ("n !between (2 .. 4)", [1, None]),
        ("n < 3", [1, 2]),  # a comparison with null is not true
        ("n != 1", [2, None, 4]),  # but null is not equal to a value
        ("x.a['b-c'] == 'yes'", [1]),
        ("x.a['b-c'] != 'yes'", [2, None, 4]),
        ("x.list[1] == 20", [1]),
        ("at > datetime(2026-10-01T12:05:00Z) and at < datetime(2026-10-01T13:00:00Z)", [2]),
        ("at >= datetime(2026-10-01 12:00:00) + 1h", [4]),
        ("n % 2 == 0 // even\n", [2, 4]),
        ("isnull(datetime(null)) and n == 1", [1]),
        ("(n == 1 or n == 2) and name =~ 'BETA'", [2]),
        ("-n < -2.5", [4]),
        ("at < ago(1d)", [1, 2]),
        ("at >= now() - 1d", [4]),
    ],
)
def test_conditions(condition: str, found: list[Any]) -> None:
    assert numbers(condition) == found


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("strcat(name, '-', n)", "Alpha-1"),
        ("toupper(substring(name, 1, 2))", "LP"),
        ("split('a/b/c', '/')[2]", "c"),
        ("iff(n > 1, 'many', 'one')", "one"),
        ("case(n > 5, 'a', n > 0, 'b', 'c')", "b"),
        ("coalesce(x.nothing, x.a['b-c'])", "yes"),
        ("toint('12') + tolong(3)", 15),
        ("todouble('1.5') * 2", 3.0),
        ("tostring(x.nothing)", ""),
        ("todouble('nothing')", None),
        ('parse_json(\'{"k": [1, {"z": 7}]}\').k[1].z', 7),
        ("bin(n + 16, 5)", 15),
        ("startofday(at)", datetime(2026, 10, 1, tzinfo=UTC)),
        ("n / 0", None),
        ("array_length(x.list)", 2),
    ],
)
def test_values(expression: str, value: Any) -> None:
    assert run(f"T | limit 1 | project v = {expression}") == [[value]]


def test_columns_are_named_as_kusto_names_them() -> None:
    query = "T | project n, x.a['b-c'], tostring(x.list), 1 + 1, other = name"
    result = parse(query, _NOW).run({"T": lambda: Table(_COLUMNS, _ROWS)})
    assert result.columns == ("n", "x_a_b-c", "x_list", "Column4", "other")
    summed = parse("T | summarize count(), sum(n), percentile(n, 95), top = max(n) by bin(at, 1h)", _NOW)
    columns = summed.run({"T": lambda: Table(_COLUMNS, _ROWS)}).columns
    assert columns == ("at", "count_", "sum_n", "percentile_n_95", "top")


def test_groups_and_orders() -> None:
    assert run("T | where isnotnull(at) | summarize n = count(), m = avg(n) by bin(at, 10m) | order by at asc") == [
        [_NOON, 2, 1.5],
        [_NOON + timedelta(hours=1), 1, 4.0],
    ]
    assert run("T | summarize count(), sum(n), avg(n), dcount(name), make_list(n)") == [[4, 7, 7 / 3, 4, [1, 2, 4]]]
    assert run("T | where n > 100 | summarize count(), max(n)") == [[0, None]]
    assert run("T | where n > 100 | summarize count() by name") == []
    assert run("T | summarize arg_max(n, name)") == [[4, "alphabet's"]]
    assert [row[0] for row in run("T | order by n | project n")] == [4, 2, 1, None]  # descending is the default
    assert [row[0] for row in run("T | sort by n asc, name desc | project n")] == [None, 1, 2, 4]
    assert run("T | top 1 by n desc | project name") == [["alphabet's"]]
    assert run("T | extend n = n * 2 | project-away at, x, name | take 2") == [[2], [4]]
    assert run("T | extend k = n > 1 | distinct k") == [[False], [True], [None]]
    assert run("T | count") == [[4]]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "T |",
        "T | where",
        "T | where n ==",
        "T | where n == 1 n",
        "T | where name == 'open",
        "T | where n in (name)",
        "T | where n < 'text'",
        "T | project (n",
        "T | extend x = strlen()",
        "T | summarize nothing(n)",
        "T | summarize arg_max(n, *)",
        "T | order by n nulls last",
        "T | limit many",
        "T | mv-expand x",
        "T | union U",
        "U | count",
        "let a = 1; T | count",
        "T | where datetime(soon) > at",
        "T | project-away colour",
        "T $ count",
    ],
)
def test_everything_else_is_refused(query: str) -> None:
    with pytest.raises(KqlError, match=r"."):
        run(query)
