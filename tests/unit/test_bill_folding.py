"""The rows of a bill become lines: by what tells them apart, with sums that lose no digit."""

import random
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.core.bills.focus import focus_layout, in_period
from agents.core.bills.folded_lines import _short
from agents.core.bills.layouts import Columns, Layout
from telemetry.errors import CollectionFailed
from tests.support.bills import BASE, MAY, as_parquet, focus, read, text_of

_EXACT = Context(prec=2000)
_DAY = timedelta(days=1)
_D = Decimal


def _day(number: int) -> datetime:
    return datetime(2026, 5, number, tzinfo=UTC)


def test_hours_of_a_day_are_a_line_and_know_how_many_they_were(tmp_path: Path) -> None:
    rows = [
        {"ChargePeriodStart": f"2026-05-03T{hour:02}:00:00Z", "ChargePeriodEnd": f"2026-05-03T{hour + 1:02}:00:00Z"}
        for hour in range(23)
    ]
    rows.append({"ChargePeriodStart": "2026-05-03T23:00:00Z", "ChargePeriodEnd": "2026-05-04T00:00:00Z"})
    (line,) = read(tmp_path, {"a.csv": focus(*rows)}).lines
    assert (line.start, line.end, line.lines, line.billed_cost) == (_day(3), _day(4), 24, _D(24))
    assert (line.billing_period_start, line.billing_period_end) == (MAY.start, MAY.end)


def test_by_the_hour_where_that_is_wanted(tmp_path: Path) -> None:
    rows = [
        {"BilledCost": "1"},
        {"BilledCost": "2"},
        {"ChargePeriodStart": "2026-05-03", "ChargePeriodEnd": "2026-05-04"},
    ]
    lines = read(tmp_path, {"a.csv": focus(*rows)}, granularity="hourly").lines
    assert sorted((line.end - line.start, line.billed_cost) for line in lines) == [
        (timedelta(hours=1), _D(3)),
        (_DAY, _D(1)),
    ]


def test_a_charge_of_a_month_stays_one(tmp_path: Path) -> None:
    month = {"ChargePeriodStart": "2026-05-01T00:00:00Z", "ChargePeriodEnd": "2026-06-01T00:00:00Z"}
    across = {"ChargePeriodStart": "2026-05-03T22:00:00Z", "ChargePeriodEnd": "2026-05-04T02:00:00Z"}
    lines = read(tmp_path, {"a.csv": focus(month, across)}).lines
    assert sorted((line.start, line.end) for line in lines) == [
        (MAY.start, MAY.end),
        (_day(3) + timedelta(hours=22), _day(4) + timedelta(hours=2)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-03T04:00:00Z",
        "2026-05-03 04:00:00",
        "2026-05-03T04:00:00",
        "2026-05-03T06:00:00+02:00",
        "2026-05-03T04:00Z",
        "2026-05-03 04:00:00 UTC",
        "2026-05-03T04:00:00.1234567Z",
        "05/03/2026",
        "2026-05-03",
        "20260503",
    ],
)
def test_times_in_the_forms_that_clouds_write_with_and_without_a_zone(tmp_path: Path, text: str) -> None:
    (line,) = read(tmp_path, {"a.csv": focus({"ChargePeriodStart": text, "ChargePeriodEnd": ""})}).lines
    assert (line.start, line.end) == (_day(3), _day(4))


@pytest.mark.parametrize("column", ["ChargePeriodStart", "ChargePeriodEnd"])
def test_what_is_no_time_is_said(tmp_path: Path, column: str) -> None:
    with pytest.raises(CollectionFailed, match=r"someday.*no time such as"):
        read(tmp_path, {"a.csv": focus({}, {column: "someday"})})


@pytest.mark.parametrize("text", ["1_000", "1,5", "NaN", "inf", "0x10", "1e999", "--1", "1.2.3", "\u0663", "1" * 101])
def test_what_is_no_amount_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(CollectionFailed, match=r"billed_cost: .*must be an amount"):
        read(tmp_path, {"a.csv": focus({}, {"BilledCost": text})})


def test_what_is_no_currency_is_said(tmp_path: Path) -> None:
    with pytest.raises(CollectionFailed, match=r"Credits.*three letters"):
        read(tmp_path, {"a.csv": focus({"BillingCurrency": "Credits"})})


def test_missing_is_not_zero(tmp_path: Path) -> None:
    rows = [{"ListCost": "1", "ContractedCost": "0"}, {"ListCost": "", "ContractedCost": "0"}]
    lines = read(tmp_path, {"a.csv": focus(*rows, rows[0])}).lines
    assert sorted((line.billed_cost, line.list_cost, line.contracted_cost, line.effective_cost) for line in lines) == [
        (_D(1), None, _D(0), None),
        (_D(2), _D(2), _D(0), None),
    ]


def test_a_row_without_its_cost_does_not_make_the_others_unknown(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": focus({}, {"BilledCost": ""}, {})})
    assert [(line.billed_cost, line.lines) for line in found.lines] == [(_D(2), 2)]
    assert found.context.meter.missing() == ("amounts of 1 line: the files tell none",)


def test_a_line_that_tells_no_amount_is_missing_and_said(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": focus({}, {"BilledCost": "", "ServiceName": "s"})})
    assert len(found.lines) == 1
    assert found.delivery.rows_read == 2
    assert found.context.meter.missing() == ("amounts of 1 line: the files tell none",)


_AMOUNTS: list[Callable[[random.Random], str]] = [
    lambda chance: repr(chance.random() * 10.0 ** chance.randint(-15, 12)),
    lambda chance: repr(-chance.random() * 10.0 ** chance.randint(-12, 3)),
    lambda chance: f"{chance.randint(-(10**19), 10**19)}.{chance.randint(0, 10**18):018}",
    lambda chance: f"0.{chance.randint(0, 10**38):038}",
    lambda chance: str(chance.randint(0, 10**38)),
    lambda chance: f"{chance.randint(1, 10**17)}E-{chance.randint(0, 30)}",
    lambda chance: f"{chance.randint(1, 999)}e+{chance.randint(0, 30)}",
    lambda chance: f"{chance.randint(0, 999)}.",
    lambda chance: f"+.{chance.randint(0, 999)}",
    lambda _: "999.999999999999999999999999",
    lambda _: "-1000",
    lambda _: "0E-8",
]


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_those_of_decimal_to_the_last_digit(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    expected: dict[str, Decimal] = defaultdict(Decimal)
    rows = []
    for _ in range(2000):
        text, key = chance.choice(_AMOUNTS)(chance), f"r{chance.randint(0, 9)}"
        expected[key] = _EXACT.add(expected[key], Decimal(text))
        rows.append({"BilledCost": text, "ResourceId": key})
    found = read(tmp_path, {"a.csv": focus(*rows)})
    assert {line.resource_id: line.billed_cost for line in found.lines} == expected
    with localcontext(_EXACT):
        assert found.delivery.totals == {"USD": sum(expected.values())}


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=38).map(str), min_size=1, max_size=20))
def test_any_decimals(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("bill")
    fine = [text for text in texts if len(text) <= 100] or ["0"]
    (line,) = read(folder, {"a.csv": focus(*({"BilledCost": text} for text in fine))}).lines
    with localcontext(_EXACT):
        assert line.billed_cost == sum(map(Decimal, fine))


def test_the_sum_of_very_many_cannot_overflow(tmp_path: Path) -> None:
    """Ten billion lines of the largest amount are in the range of what is summed; here fewer, of a larger one."""
    rows = [{"BilledCost": "9" * 28 + "." + "9" * 28}] * 3000
    (line,) = read(tmp_path, {"a.csv": focus(*rows)}).lines
    with localcontext(_EXACT):
        assert line.billed_cost == Decimal("9" * 28 + "." + "9" * 28) * 3000


@pytest.mark.parametrize("text", ["100", "0.10", "1E+3", "-7.00", "1E-9"])
def test_amounts_have_no_zeros_at_their_end(text: str) -> None:
    assert _short(Decimal(text)) == Decimal(text)
    assert not str(_short(Decimal(text))).endswith(".0")
    assert "E+" not in str(_short(Decimal(text)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ChargePeriodStart": "soon"}, "start: soon"),
        ({"BilledCost": "a lot"}, "billed_cost: 'a lot'"),
        ({"BilledCost": "1" * 101}, "billed_cost: '1111"),
        ({"BillingCurrency": "Euro"}, "currency 'Euro'"),
        ({"BillingCurrency": ""}, "currency of a charge is not told"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_error_in_a_row_names_the_file_and_the_row(
    tmp_path: Path, ending: str, change: dict[str, str], said: str
) -> None:
    bad = [{}, {}, change, {}]
    body = focus(*bad) if ending == "csv" else as_parquet([{**BASE, **one} for one in bad])
    with pytest.raises(CollectionFailed, match=rf"/2\.{ending}: row 3: .*{re.escape(said)}"):
        read(tmp_path, {"1.csv": focus({}, {}), f"2.{ending}": body, "3.csv": focus({})})


def test_a_month_that_is_none_names_the_file_and_the_row(tmp_path: Path) -> None:
    files = {"1.csv": focus({}), "2.csv": focus({}, {"BillingPeriodStart": "May"})}
    with pytest.raises(CollectionFailed, match=r"/2\.csv: row 2: the BillingPeriodStart May is no time"):
        read(tmp_path, files, layout=lambda columns: in_period(focus_layout(columns), columns, MAY))


@pytest.mark.parametrize(
    "values", [("true", "false"), ("n/a", "1.5"), ("1_000", "1e999"), ("NaN", "{}"), ("1" * 101, "")]
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_further_column_of_any_kind_never_refuses_the_bill(
    tmp_path: Path, ending: str, values: tuple[str, ...]
) -> None:
    made = [{**BASE, "x_IsCost": text} for text in values]
    found = read(tmp_path, {f"1.{ending}": text_of(made) if ending == "csv" else as_parquet(made)})
    assert sum(line.billed_cost or 0 for line in found.lines) == len(values)
    kept = {line.details.get("x_IsCost", str(line.amounts.get("x_IsCost", ""))) for line in found.lines}
    assert kept == set(values)


@pytest.mark.parametrize("value", [True, 1.5, datetime(2026, 5, 1, tzinfo=UTC), {"a": 1}, [1, 2], b"x", None], ids=repr)
def test_a_further_column_of_parquet_of_any_type_is_kept(tmp_path: Path, value: object) -> None:
    (line,) = read(tmp_path, {"1.parquet": as_parquet([{**BASE, "x_TheCost": value, "x_Other": value}])}).lines
    assert (line.billed_cost, "x_Other" in line.details) == (Decimal(1), value is not None)
    assert ("x_TheCost" in line.details) == (value is not None and value != 1.5)
    assert line.amounts == ({"x_TheCost": Decimal("1.5")} if value == 1.5 else {})


def test_what_tells_lines_apart_is_never_summed(tmp_path: Path) -> None:
    rows = [
        {"ResourceId": "a"}, {"ResourceId": "b"}, {"ResourceId": "a", "Tags": '{"team":"x"}'},
        {"ResourceId": "a", "BillingCurrency": "EUR"}, {"ResourceId": "a", "ChargeClass": "Correction"},
        {"ResourceId": "a", "x_Further": "1"}, {"ResourceId": "a", "ChargeCategory": "Tax"},
    ]  # fmt: skip
    assert (
        sorted(line.lines for line in read(tmp_path, {"a.csv": text_of([_whole(row) for row in rows])}).lines)
        == [1] * 7
    )


def _whole(row: dict[str, str]) -> dict[str, str]:
    columns = ("ResourceId", "Tags", "ChargeClass", "x_Further", "ChargeCategory")
    base = {"BillingCurrency": "USD", "BilledCost": "1", "ChargePeriodStart": "2026-05-03T04:00:00Z"}
    return {**dict.fromkeys(columns, ""), **base, **row}


def test_columns_that_differ_in_their_case_only_are_two(tmp_path: Path) -> None:
    def layout(columns: Columns) -> Layout:
        return Layout(
            start=columns.text("start"), currency="'USD'", fields={}, numbers={"billed_cost": columns.text("cost")},
            tag_columns={name[4:]: columns.text(name) for name in columns.names if name.startswith("tag:")},
        )  # fmt: skip

    body = b"start,cost,tag:Team,tag:team\n2026-05-01,1,A,\n2026-05-01,2,,b\n"
    found = read(tmp_path, {"a.csv": body}, layout=layout)
    assert sorted((line.billed_cost, line.tags) for line in found.lines) == [
        (_D(1), {"Team": "A"}),
        (_D(2), {"team": "b"}),
    ]


def test_rows_that_a_layout_leaves_out_are_read_all_the_same(tmp_path: Path) -> None:
    def layout(columns: Columns) -> Layout:
        return Layout(
            start=columns.text("start"), currency="'USD'", fields={}, numbers={"billed_cost": columns.text("cost")},
            only=f"{columns.text('kind')} = 'parent'",
        )  # fmt: skip

    body = b"start,cost,kind\n2026-05-01,1,parent\n2026-05-01,2,split\n2026-05-01,4,\n"
    found = read(tmp_path, {"a.csv": body}, layout=layout, rows={"a.csv": 3})
    assert [line.billed_cost for line in found.lines] == [_D(1)]
    assert found.delivery.rows_read == 3


@pytest.mark.parametrize("count", [600])
def test_a_bill_of_many_columns_has_the_memory_that_it_needs(tmp_path: Path, count: int) -> None:
    (line,) = read(tmp_path, {"a.csv": focus({f"x_{number}": "1" for number in range(count)})}).lines
    assert len(line.details) == count


def test_a_bill_of_more_columns_than_any_has_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(CollectionFailed, match="5004 columns: at most 2000"):
        read(tmp_path, {"a.csv": focus({f"x_{number}": "1" for number in range(5000)})})
