"""Exports of FOCUS: exact, the same bytes each time, of one moment, whole or not at all, and read by our reader."""

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from click.testing import CliRunner
from psycopg import IsolationLevel

from agents.core.bills.focus import focus_layout
from agents.core.bills.pinned import Pinned, PinnedFile, file_kind
from agents.core.bills.proving import read_delivery
from agents.core.bills.stores import open_store
from storage.database import Connection, Database
from storage.export import DATASETS, Asked, ExportRefused, export, focus, placing
from storage.export.metadata import silent
from storage.export.snapshot import Snapshot
from telemetry.costs import CostLine
from telemetry.target import Window
from tests.support.bills import context
from tests.support.command_runs import RunsFinfleet
from tests.support.commands import CommandLine
from tests.support.focus_year import DAY, FILES, MONTHS, write
from workers.commands.export import _form, command

pytestmark = pytest.mark.xdist_group("focus")

_FORMS = {"csv": ("csv", False), "csv.gz": ("csv", True), "parquet": ("parquet", False)}
_LONG = Decimal(f"1{'0' * 30}.{'0' * 29}1")
_LATE = MONTHS[-3].start
"""Of the year, a quarter: it has all kinds of charges but one."""
_YEAR = Window(MONTHS[0].start - 60 * DAY, MONTHS[-1].end)


@pytest.fixture
def connection(seeded_focus: Database) -> Iterator[Connection]:
    with seeded_focus.connection() as connection:
        yield connection


@pytest.fixture
def empty(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def _asked(path: Path, version: str = "1.4", dataset: str = "cost-and-usage") -> Asked:
    name, form = next((name, form) for name, form in _FORMS.items() if path.name.endswith(f".{name}"))
    del name
    return Asked(version, dataset, path, form[0], since=_LATE, compress=form[1])


def _whole(path: Path) -> Asked:
    return _asked(path)._replace(since=None)


@pytest.mark.parametrize(
    ("version", "dataset", "ending"),
    [*((*one, "parquet") for one in DATASETS), *(("1.4", "cost-and-usage", name) for name in ("csv", "csv.gz"))],
)
def test_the_same_data_make_the_same_bytes(
    connection: Connection, tmp_path: Path, version: str, dataset: str, ending: str
) -> None:
    told = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        done = export(connection, _asked(tmp_path / name / f"bill.{ending}", version, dataset))
        assert done.rows
        told.append((done.path.read_bytes(), done.metadata.read_bytes()))
        assert sorted(path.name for path in done.path.parent.iterdir()) == [done.path.name, done.metadata.name]
    assert told[0] == told[1]


def _read_back(path: Path) -> list[CostLine]:
    where = context()
    store = open_store(f"file://{path.parent}", where)
    (entry,) = (entry for entry in store.list("") if entry.key == path.name)
    kind, compression = file_kind(path.name)
    pinned = Pinned(version="1", files=(PinnedFile(entry=entry, format=kind, compression=compression),))
    found = list(read_delivery(where, store, pinned, focus_layout, _YEAR))
    assert where.meter.missing() == ()
    return [line for line in found if isinstance(line, CostLine)]


@pytest.mark.parametrize(
    ("version", "ending"), [("1.2", "parquet"), ("1.4", "parquet"), ("1.4", "csv"), ("1.4", "csv.gz")]
)
def test_our_own_reader_reads_it_back_to_the_last_digit(
    connection: Connection, tmp_path: Path, version: str, ending: str
) -> None:
    done = export(connection, _asked(tmp_path / f"bill.{ending}", version))
    lines = _read_back(done.path)
    sums: Counter[tuple[str, str]] = Counter()
    for line in lines:
        for name in ("billed_cost", "effective_cost", "list_cost", "contracted_cost"):
            sums[line.currency, name] += getattr(line, name)
    assert sum(line.lines for line in lines) == done.rows
    assert {one.currency: one.costs for one in done.sums} == {
        currency: tuple(
            sums[currency, name] for name in ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
        )
        for currency in ("EUR", "USD")
    }
    texts = "resource_id", "service_name", "charge_category", "sub_account_id", "invoice_id", "charge_class"
    columns = ", ".join(texts)
    stored = connection.execute(
        f"SELECT DISTINCT {columns}, tags::text FROM reporting.costs WHERE charge_period_start >= %s".encode(),  # noqa: S608
        (_LATE,),
    )
    wanted = {(*row[:-1], *sorted(json.loads(row[-1]).items())) for row in stored}
    assert {(*(getattr(line, name) for name in texts), *sorted(line.tags.items())) for line in lines} == wanted


def test_metadata_tell_schema_totals_and_which_days_are_complete(connection: Connection, tmp_path: Path) -> None:
    done = export(connection, _asked(tmp_path / "bill.parquet"))
    told = json.loads(done.metadata.read_bytes())
    columns = [one["ColumnName"] for one in told["Schema"][0]["ColumnDefinition"]]
    table = pyarrow.parquet.read_table(done.path)
    assert columns == table.schema.names
    assert told["Schema"][0]["FocusVersion"] == "1.4"
    assert told["x_Export"]["File"]["Bytes"] == done.path.stat().st_size
    assert [one["Rows"] for one in told["x_Export"]["Totals"]] == [one.rows for one in done.sums]
    assert sum(one["Rows"] for one in told["x_Export"]["Totals"]) == table.num_rows
    recency = told["Recency"][0]
    assert recency["DatasetInstanceComplete"] is False
    assert done.incomplete
    days = {one["TimeSectorStart"]: one for one in recency["TimeSectors"]}
    assert days["2026-10-03T00:00:00Z"]["x_Reasons"] == [
        "aws/payer/global/cost: the provider still calls amounts an estimate",
        "azure/prod/global/cost: partial: 1 row of the bill lacks an amount",
    ]


def test_a_span_of_which_all_is_known_is_complete_and_one_beyond_it_is_not(
    connection: Connection, tmp_path: Path
) -> None:
    month = MONTHS[1]
    asked = _asked(tmp_path / "bill.csv")._replace(provider="focus", since=month.start, until=month.end)
    done = export(connection, asked)
    assert done.incomplete == ()
    assert json.loads(done.metadata.read_bytes())["Recency"][0]["DatasetInstanceComplete"] is True
    beyond = export(connection, asked._replace(path=tmp_path / "more.csv", since=MONTHS[0].start - 2 * DAY))
    assert [day.start for day in beyond.incomplete] == [MONTHS[0].start - number * DAY for number in (2, 1)]
    told = export(connection, asked._replace(path=tmp_path / "told.csv"), [("focus", "files")])
    assert told.silent == ()


def test_billing_periods_say_of_themselves_whether_they_are_complete(connection: Connection, tmp_path: Path) -> None:
    asked = _asked(tmp_path / "bill.csv", dataset="billing-period")
    told = export(connection, asked)
    assert (told.complete, told.incomplete) == (False, ()), "those of the APIs are not"
    assert "TimeSectors" not in json.loads(told.metadata.read_bytes())["Recency"][0]
    files = export(connection, asked._replace(path=tmp_path / "files.csv", provider="focus"))
    assert files.complete
    recency = json.loads(files.metadata.read_bytes())["Recency"][0]
    assert recency["DatasetInstanceComplete"] is True
    assert recency["DatasetInstanceLastUpdated"] == "2026-11-02T00:00:00Z"


def test_a_target_of_which_no_bill_was_ever_told_makes_it_incomplete(connection: Connection, tmp_path: Path) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(
            "INSERT INTO finfleet.targets (provider, account, region, service, queue, interval_seconds, delay_seconds,"
            " enabled_since, planned_until) VALUES ('gcp', 'main', 'global', 'billing', 'q', 300, 0, now(), now())"
        )
        snapshot = silent(connection, _asked(tmp_path / "bill.csv"), [("gcp", "billing"), ("aws", "cost")])
    assert snapshot == ["gcp/main/global/billing"]


def test_numbers_are_exact_however_many_digits_they_have(empty: Connection, tmp_path: Path) -> None:
    amount = Decimal("12345678.1234567890123456789012345")
    _one_line(empty, billed_cost=amount, effective_cost=Decimal("1E-25"), list_cost=Decimal("3E+12"))
    done = export(empty, _whole(tmp_path / "bill.parquet"))
    row = pyarrow.parquet.read_table(done.path).to_pylist()[0]
    assert (row["BilledCost"], row["EffectiveCost"]) == (amount, Decimal("1E-25"))
    assert (done.sums[0].costs[0], row["ListCost"]) == (amount, Decimal("3E+12"))
    written = export(empty, _whole(tmp_path / "bill.csv")).path.read_text()
    assert f",{amount}," in written
    assert ",0.0000000000000000000000001," in written
    assert ",3000000000000," in written


def test_what_no_decimal_of_parquet_holds_is_refused_with_a_remedy_and_nothing_is_left(
    empty: Connection, tmp_path: Path
) -> None:
    _one_line(empty, billed_cost=_LONG, effective_cost=Decimal(1))
    with pytest.raises(ExportRefused, match=r"BilledCost has numbers of 31 digits before and 30 .*take --format csv"):
        export(empty, _whole(tmp_path / "bill.parquet"))
    assert list(tmp_path.iterdir()) == []
    assert _read_back(export(empty, _whole(tmp_path / "bill.csv")).path)[0].billed_cost == _LONG


def test_a_number_of_more_digits_deep_in_a_day_has_the_file_written_anew(empty: Connection, tmp_path: Path) -> None:
    month, lines = MONTHS[0], 9_000
    told = [
        CostLine(
            start=month.start, end=month.start + DAY, currency="USD", charge_category="Usage", service_name="S",
            resource_id=f"r-{number}", billed_cost=Decimal("1E-30") if number == 10 else Decimal(1),
            effective_cost=Decimal(1),
        )
        for number in range(lines)
    ]  # fmt: skip
    write(empty, FILES, month, told)
    done = export(empty, _whole(tmp_path / "bill.parquet"))
    assert done.rows == lines
    assert done.sums[0].costs[0] == Decimal("8999.000000000000000000000000000001")
    billed = Counter(pyarrow.parquet.read_table(done.path)["BilledCost"].to_pylist())
    assert billed == {Decimal(1): lines - 1, Decimal("1E-30"): 1}


def _one_line(connection: Connection, **costs: Any) -> None:
    month = MONTHS[0]
    line = CostLine(
        start=month.start, end=month.start + DAY, currency="USD", charge_category="Usage", service_name="S", **costs
    )
    write(connection, FILES, month, [line])


def test_a_file_that_is_there_is_replaced_only_where_that_is_said(connection: Connection, tmp_path: Path) -> None:
    asked = _asked(tmp_path / "bill.csv")._replace(since=MONTHS[0].start, until=MONTHS[0].end)
    for name in ("bill.csv", "bill.csv.metadata.json"):
        (tmp_path / name).write_text("theirs")
        with pytest.raises(ExportRefused, match=f"{name} is there already: --force replaces it"):
            export(connection, asked)
        assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]
        (tmp_path / name).unlink()
    (tmp_path / "bill.csv").write_text("theirs")
    assert export(connection, asked._replace(force=True)).path.read_text().startswith("Allocated")


def test_a_link_stays_one_and_what_is_no_file_is_never_replaced(connection: Connection, tmp_path: Path) -> None:
    asked = _asked(tmp_path / "link.csv")._replace(since=MONTHS[0].start, until=MONTHS[0].end, force=True)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "bill.csv").write_text("former")
    (tmp_path / "link.csv").symlink_to("theirs/bill.csv")
    export(connection, asked)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "theirs" / "bill.csv").read_text().startswith("Allocated")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ExportRefused, match=r"pipe\.csv is no regular file, and is not replaced"):
        export(connection, asked._replace(path=tmp_path / "pipe.csv"))
    assert (tmp_path / "pipe.csv").is_fifo()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "bill.csv", "link.csv", "link.csv.metadata.json", "pipe.csv", "theirs",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["bill.csv", "bill.csv.metadata.json"])
@pytest.mark.parametrize("at_once", [True, False], ids=["before", "meanwhile"])
def test_where_one_of_both_cannot_be_placed_neither_is_new(
    empty: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, at_once: bool
) -> None:
    other = next(one for one in ("bill.csv", "bill.csv.metadata.json") if one != name)
    (tmp_path / other).write_text("theirs")

    def make_folder(*_: object) -> None:
        (tmp_path / name).mkdir()

    if at_once:
        make_folder()
    else:
        put = placing.put

        def in_the_way(part: Path, path: Path, *, force: bool) -> None:
            if path.name == name:
                make_folder()
            put(part, path, force=force)

        monkeypatch.setattr(placing, "put", in_the_way)
    with pytest.raises(ExportRefused, match=f"/{name} is a folder"):
        export(empty, _whole(tmp_path / "bill.csv")._replace(force=True))
    assert (tmp_path / other).read_text() == "theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, other])


def test_where_the_file_cannot_be_placed_its_metadata_go_too(
    empty: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = placing.put

    def in_the_way(part: Path, path: Path, *, force: bool) -> None:
        if path.name == "bill.csv":
            path.write_text("theirs")
        put(part, path, force=force)

    monkeypatch.setattr(placing, "put", in_the_way)
    with pytest.raises(ExportRefused, match=r"/bill\.csv is there already"):
        export(empty, _whole(tmp_path / "bill.csv"))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("bill.csv", "theirs")]


def test_where_there_is_no_folder_or_no_pyarrow_that_is_said(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ExportRefused, match=r"no/bill\.csv cannot be written: No such file or directory"):
        export(connection, _asked(tmp_path / "no" / "bill.csv"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportRefused, match=r"Parquet needs pyarrow: pip install .finfleet\[bills\]., or take"):
        export(connection, _asked(tmp_path / "bill.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_of_nothing_there_is_a_file_without_rows_that_is_not_complete(empty: Connection, tmp_path: Path) -> None:
    done = export(empty, _asked(tmp_path / "bill.parquet"))
    assert pyarrow.parquet.read_table(done.path).num_rows == done.rows == 0
    assert json.loads(done.metadata.read_bytes())["Recency"][0]["DatasetInstanceComplete"] is False
    assert export(empty, _whole(tmp_path / "bill.csv")).path.read_text().count("\n") == 1


def test_all_is_of_one_moment_while_bills_come_in(database: Database) -> None:
    months = MONTHS[:2]
    with database.connection() as reader, database.connection() as writer:
        for month in months:
            _month(writer, month, "1.5", attempt=1)
        reader.isolation_level = IsolationLevel.REPEATABLE_READ
        with reader.transaction():
            snapshot = Snapshot(reader, Asked("1.4", "cost-and-usage", Path("unused"), "csv"))
            parts = snapshot.parts()
            first = list(snapshot.rows(next(parts)))
            for month in months:
                _month(writer, month, "9", attempt=2)
            second = list(snapshot.rows(part := next(parts)))
            (sums,) = snapshot.sums(part)
        assert (len(first), len(second), sums.costs[0]) == (1, 1, Decimal("1.5"))
        assert b",1.5," in second[0]
        reader.isolation_level = None


def _month(connection: Connection, month: Window, amount: str, *, attempt: int) -> None:
    line = CostLine(
        start=month.start, end=month.start + DAY, currency="USD", charge_category="Usage", service_name="S",
        billed_cost=Decimal(amount), effective_cost=Decimal(amount),
    )  # fmt: skip
    write(connection, FILES, month, [line], attempt=attempt)


def test_what_is_held_at_once_is_bounded_by_rows_and_by_bytes() -> None:
    few = [len(some) for some in focus._batches(iter([b"x"] * 20_000))]
    assert few == [8192, 8192, 3616]
    large = [len(some) for some in focus._batches(iter([b"x" * 9_000_000] * 3))]
    assert large == [2, 1]


def test_text_stays_what_it_is_in_csv(connection: Connection, tmp_path: Path) -> None:
    text = gzip.decompress(export(connection, _asked(tmp_path / "bill.csv.gz")).path.read_bytes()).decode()
    owner = """""owner"": ""=cmd|' /C calc'!A0"""
    assert owner in text


@pytest.fixture
def finfleet(database_url: str, redis_url: str, tmp_path: Path, finfleet_program: RunsFinfleet) -> CommandLine:
    return CommandLine(tmp_path, database_url, redis_url, finfleet_program)


def test_the_command_names_the_file_by_what_it_is_and_warns(
    finfleet: CommandLine, empty: Connection, tmp_path: Path
) -> None:
    _month(empty, MONTHS[0], "1.5", attempt=1)
    words = ("export", "focus", "--version", "1.2", "--format", "csv", "--compress", "--from", "2025-10-31", "--to")
    done = finfleet.run(*words, "2025-11-02", "--output", str(tmp_path))
    name = "focus-1.2-cost-and-usage-2025-10-31-2025-11-02.csv.gz"
    assert name in done.stdout.decode()
    assert "1.5" in done.stdout.decode()
    assert "finfleet: 1 day is not complete: 2025-10-31; why is in the metadata" in done.stderr.decode()
    refused = finfleet.run(*words, "2025-11-02", "--output", str(tmp_path), status=1)
    assert "--force replaces it" in refused.stderr.decode()
    told = finfleet.run(*words, "2025-11-02", "--output", str(tmp_path), "--force", "--json").stdout
    assert json.loads(told)["incomplete"] == ["2025-10-31"]
    wrong = finfleet.run(
        "export", "focus", "--version", "1.2", "--dataset", "billing-period", "--output", "x", status=1
    )
    assert "FOCUS 1.2 has no dataset billing-period here: take cost-and-usage of 1.2" in wrong.stderr.decode()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--output", ""], "it is empty: name a file"),
        (["--output", "exp/"], "'exp/' is no folder that is there: make it"),
        (["--output", "x", "--provider", ""], "'--provider': it is empty"),
        (["--output", "x", "--account", " "], "'--account': it is empty"),
        (["--output", "x.csv", "--format", "parquet"], "'x.csv' is the name of csv, and --format says parquet"),
        (["--output", "x.PARQUET", "--format", "csv"], "'x.PARQUET' is the name of parquet"),
        (["--output", "x.csv", "--compress"], "end it in .csv.gz"),
        (["--output", "x", "--from", "2026-13"], "2026-13"),
        (["--output", "x", "--from", "2026-10", "--to", "2026-10-01"], "it is not after --from"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(words: list[str], said: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(command, ["focus", *words])
    assert found.exit_code == 2, found.output
    assert said in " ".join(found.output.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind", "form"),
    [
        ("x.csv", None, ("csv", False)),
        ("x.csv.gz", None, ("csv", True)),
        ("x.csv.gz", "csv", ("csv", True)),
        ("x.parquet", None, ("parquet", False)),
        ("x", None, ("parquet", False)),
        ("x.txt", "csv", ("csv", False)),
    ],
)
def test_the_name_of_the_file_tells_the_format(name: str, kind: str | None, form: tuple[str, bool]) -> None:
    assert _form(Path(name), kind, compress=False) == form
