"""Whatever a file of a bill is, its rows are text that says exactly what stands there; a torn one is an error."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from agents.core.bills import unpacking
from agents.core.bills.arrow_text import as_text
from agents.core.bills.csv_table import unique
from agents.core.bills.pinned import file_kind
from agents.core.bills.proving import Unproven
from telemetry.errors import CollectionFailed
from tests.support.bills import BASE, PACKED, Bill, focus, gzipped, read, text_of, zipped

_BOM = b"\xef\xbb\xbf"


def parquet_of(columns: dict[str, pa.Array], **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def _costs(bill: Bill) -> list[Decimal]:
    return sorted(line.billed_cost for line in bill.lines if line.billed_cost is not None)


@pytest.mark.parametrize("ending", PACKED)
def test_each_compression(tmp_path: Path, ending: str) -> None:
    found = read(tmp_path, {f"a.{ending}": PACKED[ending](focus({}, {"BilledCost": "2"}))})
    assert _costs(found) == [Decimal(3)]
    assert (found.delivery.rows_read, found.delivery.bytes_read) == (2, (tmp_path / f"a.{ending}").stat().st_size)


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("body", [b"", focus({})[: focus({}).index(b"\n")], focus({}).split(b"\n")[0] + b"\n"])
def test_a_file_without_rows_is_complete_and_empty(tmp_path: Path, ending: str, body: bytes) -> None:
    found = read(tmp_path, {f"a.{ending}": PACKED[ending](body)}, rows={f"a.{ending}": 0})
    assert (found.lines, found.delivery.rows_read, found.delivery.totals) == ([], 0, {})


def test_no_file_at_all_is_complete_and_empty(tmp_path: Path) -> None:
    found = read(tmp_path, {})
    assert (found.lines, found.delivery.rows_read, found.delivery.bytes_read) == ([], 0, 0)


@pytest.mark.parametrize("ending", PACKED)
def test_a_file_of_one_row_without_an_end_of_line(tmp_path: Path, ending: str) -> None:
    assert _costs(read(tmp_path, {f"a.{ending}": PACKED[ending](focus({}).rstrip(b"\n"))})) == [Decimal(1)]


def test_a_byte_order_mark_and_the_header_in_each_chunk(tmp_path: Path) -> None:
    chunks = {f"{name}.csv": _BOM + focus({"BilledCost": str(name)}) for name in (1, 2, 4)}
    found = read(tmp_path, chunks)
    assert (_costs(found), found.lines[0].lines, found.delivery.rows_read) == ([Decimal(7)], 3, 3)


def test_columns_that_come_go_and_change_places_between_chunks(tmp_path: Path) -> None:
    names = list(BASE)
    first = text_of([{**BASE, "ResourceId": "r"}], [*names, "ResourceId"])
    second = text_of([{**BASE, "SkuId": "s"}], ["SkuId", *reversed(names)])
    found = read(tmp_path, {"1.csv": first, "2.csv": second, "3.csv": focus({})})
    assert sorted((line.resource_id, line.sku_id) for line in found.lines) == [("", ""), ("", "s"), ("r", "")]


def test_quotes_commas_and_ends_of_lines_in_a_field(tmp_path: Path) -> None:
    odd = 'a "quoted", one\r\nof two lines\n'
    (line,) = read(tmp_path, {"a.csv": focus({"ChargeDescription": odd})}).lines
    assert line.charge_description == odd


def test_a_gzip_file_of_several_members_with_zeros_behind(tmp_path: Path) -> None:
    whole = focus({}, {"BilledCost": "2"}, {"BilledCost": "4"})
    body = b"".join(gzipped(whole[start : start + 50]) for start in range(0, len(whole), 50)) + b"\0" * 512
    assert _costs(read(tmp_path, {"a.csv.gz": body})) == [Decimal(7)]


def test_a_zstd_file_of_several_frames(tmp_path: Path) -> None:
    whole = focus({}, {"BilledCost": "2"})
    assert _costs(read(tmp_path, {"a.csv.zst": zstandard.compress(whole[:60]) + zstandard.compress(whole[60:])})) == [
        Decimal(3)
    ]


def test_an_archive_of_several_files(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.zip": zipped(one=focus({}), two=focus({"BilledCost": "2"}))}, rows={"a.zip": 2})
    assert _costs(found) == [Decimal(3)]


_MANY = focus(*({"ResourceId": str(number * 7919 % 10_007), "BilledCost": f"{number}.5"} for number in range(3000)))


@pytest.mark.parametrize("ending", [ending for ending in PACKED if ending != "csv"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_torn_file_is_an_error_and_never_a_shorter_bill(tmp_path: Path, ending: str, share: float) -> None:
    body = PACKED[ending](_MANY)
    with pytest.raises(CollectionFailed, match="the file is torn"):
        read(tmp_path, {f"a.{ending}": body[: int(len(body) * share)]})


@pytest.mark.parametrize("place", range(20, 400, 40))
def test_a_harmed_gzip_file_is_an_error(tmp_path: Path, place: int) -> None:
    body = bytearray(gzipped(_MANY))
    body[place] ^= 0x55
    with pytest.raises(CollectionFailed):
        read(tmp_path, {"a.csv.gz": bytes(body)})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (focus({}) + b'1,"USD', "in the middle of a text in quotes"),
        (focus({}) + b"1,2\n", "after row"),
        (focus({}) + b"1,2,3,4,5\n", "after row"),
        (focus({}).replace(b"USD", b"\xff\xff\xff"), "UTF8"),
        (b"\xff\xfe\x00B\n1\n", "no text in UTF-8"),
    ],
)
def test_a_file_of_text_that_is_none(tmp_path: Path, body: bytes, said: str) -> None:
    with pytest.raises(CollectionFailed, match=said):
        read(tmp_path, {"a.csv": body})


def test_a_row_more_or_less_than_promised_is_an_error_that_may_mend_itself(tmp_path: Path) -> None:
    for promised in (1, 3):
        with pytest.raises(Unproven, match=f"2 rows were read of {promised} that were promised") as found:
            read(tmp_path, {"a.csv": focus({}, {}), "b.csv": focus({})}, rows={"a.csv": promised})
        assert found.value.transient


def test_a_bomb_unpacks_in_pieces() -> None:
    bomb = zstandard.compress(b"\0" * 60_000_000, level=19)
    sizes = [len(piece) for piece in unpacking.pieces(io.BytesIO(bomb), "zstd", "bomb")]
    assert sum(sizes) == 60_000_000
    assert max(sizes) <= 2**25
    packed = gzipped(b"\0" * 20_000_000)
    assert max(len(piece) for piece in unpacking.pieces(io.BytesIO(packed), "gzip", "bomb")) <= unpacking.PIECE


def _parquet(**columns: pa.Array) -> bytes:
    rows = len(next(iter(columns.values())))
    base = {name: pa.array([value] * rows) for name, value in BASE.items()}
    return parquet_of({**base, **columns}, row_group_size=2)


def test_parquet_by_row_groups_with_an_empty_shard(tmp_path: Path) -> None:
    full = _parquet(BilledCost=pa.array([0.1, 0.2, 1e-7, 4.0, None]))
    empty = parquet_of({name: pa.array([], pa.string()) for name in BASE})
    found = read(tmp_path, {"1.parquet": full, "2.snappy.parquet": empty}, rows={"1.parquet": 5, "2.snappy.parquet": 0})
    assert [(line.billed_cost, line.lines) for line in found.lines] == [(Decimal("4.3000001"), 4)]
    assert found.delivery.rows_read == 5


def test_a_float_is_its_shortest_decimal(tmp_path: Path) -> None:
    values = [0.1, 0.2, 1.5e-07, 123456.789]
    found = read(tmp_path, {"a.parquet": _parquet(BilledCost=pa.array(values))})
    assert _costs(found) == [sum(Decimal(repr(value)) for value in values)]


@pytest.mark.parametrize("kind", [pa.decimal128(38, 18), pa.decimal256(76, 38)])
def test_decimals_of_parquet_keep_all_digits(tmp_path: Path, kind: pa.DataType) -> None:
    values = [Decimal("12345678901234567890.123456789012345678"), Decimal("-0.000000000000000001")]
    found = read(tmp_path, {"a.parquet": _parquet(BilledCost=pa.array(values, kind))})
    assert _costs(found) == [Decimal("12345678901234567890.123456789012345677")]


def test_times_of_parquet_with_and_without_a_zone(tmp_path: Path) -> None:
    at = datetime(2026, 5, 3, 4, tzinfo=UTC)
    kinds = [pa.timestamp("us"), pa.timestamp("ms", "UTC"), pa.timestamp("ns", "Europe/Berlin"), pa.timestamp("s")]
    files = {
        f"{place}.parquet": _parquet(
            ChargePeriodStart=pa.array([at if kind.tz else at.replace(tzinfo=None)], kind),
            ChargePeriodEnd=pa.array([at if kind.tz else at.replace(tzinfo=None)], kind),
        )
        for place, kind in enumerate(kinds)
    }
    files["5.parquet"] = _parquet(ChargePeriodStart=pa.array([date(2026, 5, 3)]))
    (line,) = read(tmp_path, files).lines
    assert (line.start, line.end, line.lines) == (datetime(2026, 5, 3, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC), 5)


def test_a_torn_parquet_file_is_an_error(tmp_path: Path) -> None:
    body = _parquet(BilledCost=pa.array([float(number) for number in range(5000)]))
    for share in (0.3, 0.9, 0.999):
        with pytest.raises(CollectionFailed, match="the file is torn"):
            read(tmp_path, {"a.parquet": body[: int(len(body) * share)]})


_NESTED: list[tuple[pa.DataType, list[Any]]] = [
    (pa.map_(pa.string(), pa.string()), [[("a", 'x"y\n'), ("b", None)], [], None, [("ü", "\\")]]),
    (pa.map_(pa.string(), pa.float64()), [[("a", 0.1)], [("b", 1e-7), ("c", float("nan"))]]),
    (pa.list_(pa.struct([("key", pa.string()), ("value", pa.int64())])), [[{"key": "k", "value": 1}, None], None, []]),
    (pa.struct([("a", pa.list_(pa.bool_())), ("b", pa.string())]), [{"a": [True, None], "b": None}, None]),
    (pa.list_(pa.map_(pa.string(), pa.string())), [[[("a", "b")], []], [None]]),
    (pa.list_(pa.list_(pa.int64(), 2)), [[[1, 2], None], None, [[3, None]]]),
    (pa.large_list(pa.list_view(pa.string())), [[["a"], []], None, [None]]),
    (pa.list_(pa.string(), 1), [["a"], None, [None]]),
]


@pytest.mark.parametrize(("kind", "values"), _NESTED, ids=[str(kind) for kind, _ in _NESTED])
@pytest.mark.parametrize("skip", [0, 1])
def test_what_has_parts_is_json(kind: pa.DataType, values: list[Any], skip: int) -> None:
    found = as_text(pa.array(values, kind)[skip:]).to_pylist()
    assert [None if text is None else json.loads(text) for text in found] == [
        _plain(kind, one) for one in values[skip:]
    ]


def _plain(kind: pa.DataType, value: Any) -> Any:
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return None
    if pa.types.is_map(kind):
        return {key: _plain(kind.item_type, one) for key, one in value}
    if isinstance(value, list):
        return [_plain(kind.value_type, one) for one in value]
    if pa.types.is_struct(kind):
        return {name: _plain(kind.field(name).type, one) for name, one in value.items()}
    return value


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (pa.int64(), 5, "5"),
        (pa.float32(), 0.1, "0.1"),
        (pa.float64(), 1e22, "1e+22"),
        (pa.bool_(), True, "true"),
        (pa.large_string(), "x", "x"),
        (pa.binary(), b"x", "x"),
        (pa.null(), None, None),
        (pa.dictionary(pa.int8(), pa.string()), "x", "x"),
    ],
)
def test_each_kind_of_column_is_text(kind: pa.DataType, value: object, text: str | None) -> None:
    assert as_text(pa.array([value], kind)).to_pylist() == [text]


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a/b.CSV", ("csv", "none")),
        ("x-00001.csv.gz", ("csv", "gzip")),
        ("x.csv.zip", ("csv", "zip")),
        ("x.zst", ("csv", "zstd")),
        ("x.snappy.parquet", ("parquet", "none")),
    ],
)
def test_the_kind_of_a_file_by_its_name(key: str, kind: tuple[str, str]) -> None:
    assert file_kind(key) == kind


def test_another_kind_of_file_is_said() -> None:
    with pytest.raises(ValueError, match=r"x\.xlsx: the name of a file must end in"):
        file_kind("x.xlsx")


def test_two_columns_of_the_same_name_are_told_apart() -> None:
    assert unique(["a", "b", "a", "a"]) == ("a", "b", "a (2)", "a (3)")


@pytest.mark.parametrize("make", [lambda: focus({}), lambda: _parquet(BilledCost=pa.array([1.0]))])
def test_a_file_that_is_named_for_another_format(tmp_path: Path, make: Callable[[], bytes]) -> None:
    body = make()
    name = "a.csv" if body.startswith(b"PAR1") else "a.parquet"
    with pytest.raises(CollectionFailed):
        read(tmp_path, {name: body})


def test_a_header_of_a_hundred_thousand_names_takes_no_time() -> None:
    names = ["", *map(str, range(100_000)), *[""] * 50_000]
    assert len(unique(names)) == len(names)


def test_a_header_of_ends_of_lines_in_quotes_takes_no_time(tmp_path: Path) -> None:
    with pytest.raises(CollectionFailed, match="its first line is longer"):
        read(tmp_path, {"a.csv": b'"' + b"\n" * 3_000_000})


def test_an_archive_with_two_files_of_one_name_is_no_bill(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bill.csv"), focus({"BilledCost": "1"}))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(zipfile.ZipInfo("bill.csv"), focus({"BilledCost": "2"}))
    with pytest.raises(CollectionFailed, match="the same name"):
        read(tmp_path, {"a.csv.zip": out.getvalue()})


@pytest.mark.parametrize("place", [-150, 60, 120])
def test_a_harmed_archive_is_an_error_in_words(tmp_path: Path, place: int) -> None:
    body = bytearray(zipped(bill=focus(*({"BilledCost": str(number)} for number in range(50)))))
    body[place] ^= 0xFF
    with pytest.raises(CollectionFailed, match="torn"):
        read(tmp_path, {"a.csv.zip": bytes(body)})


def test_a_column_that_a_file_writes_in_another_case_is_the_same(tmp_path: Path) -> None:
    other = (
        focus({"BilledCost": "2", "x_Team": "a"}).replace(b"BilledCost", b"BILLEDCOST").replace(b"x_Team", b"X_TEAM")
    )
    (line,) = read(tmp_path, {"a.csv": focus({"x_Team": "a"}), "b.csv": other}).lines
    assert (line.billed_cost, line.lines, line.details) == (Decimal(3), 2, {"x_Team": "a"})


def test_columns_that_one_file_has_in_two_cases_are_two(tmp_path: Path) -> None:
    both = focus({"x_team": "a", "x_Team": "b"})
    one = focus({"x_TEAM": "c"})
    found = read(tmp_path, {"a.csv": both, "b.csv": one}).lines
    assert sorted(line.details.items() for line in found) == sorted(
        [{"x_team": "a", "x_Team": "b"}.items(), {"x_team": "c"}.items()]
    )


def test_each_file_has_the_columns_that_have_to_be_there(tmp_path: Path) -> None:
    other = focus({"ListCost": "3"}).replace(b"BilledCost", b"x_Cost")
    with pytest.raises(CollectionFailed, match="no column BilledCost"):
        read(tmp_path, {"a.csv": focus({}), "b.csv": other})


def test_a_value_of_parquet_that_unpacks_to_a_thousand_times_as_much_is_not_unpacked(tmp_path: Path) -> None:
    columns = {**{name: pa.array([text]) for name, text in BASE.items()}, "ServiceName": pa.array(["x" * 3_000_000])}
    body = parquet_of(columns, compression="zstd")
    assert len(body) < 10_000
    with pytest.raises(CollectionFailed, match="more than 1048576 bytes each"):
        read(tmp_path, {"a.parquet": body})


def test_an_error_of_our_own_is_told_without_the_lines_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(column: pa.Array) -> pa.Array:
        raise RecursionError("too deep")

    monkeypatch.setattr("agents.core.bills.parquet_table.as_text", fail)
    with pytest.raises(CollectionFailed) as caught:
        read(tmp_path, {"a.parquet": parquet_of({name: pa.array([text]) for name, text in BASE.items()})})
    assert str(caught.value) == "the rows cannot be read (RecursionError: too deep)"
