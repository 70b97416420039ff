"""Bills in FOCUS as Snowflake, Databricks, LiteLLM, Vercel and Cast AI write them: every total is right."""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.core.context import Shared
from agents.testing.collecting import check_collection
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import CollectionFailed
from telemetry.settings import Settings
from telemetry.target import Window
from tests.support.bill_sums import DATA
from tests.support.collecting import collect

_NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
_NOW = datetime(2026, 11, 24, tzinfo=UTC)
_WRITERS = DATA / "writers"
_AMOUNTS = ("cost", "quantity", "price")


def _parquet(name: str, amount: pa.DataType, *, times: bool = False, maps: bool = False) -> bytes:
    """The rows of a CSV file, with a writer's types."""
    with (_WRITERS / name).open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    arrays = {
        column: _array(column, [row[column] for row in rows], amount, times=times, maps=maps) for column in rows[0]
    }
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out, use_deprecated_int96_timestamps=times)
    return out.getvalue()


def _array(column: str, texts: list[str], amount: pa.DataType, *, times: bool, maps: bool) -> pa.Array:
    if column.lower().endswith(_AMOUNTS):
        kind: Callable[[str], Any] = float if pa.types.is_floating(amount) else Decimal
        return pa.array([kind(text) if text else None for text in texts], amount)
    if times and column.endswith(("PeriodStart", "PeriodEnd")):
        return pa.array([datetime.fromisoformat(text) for text in texts], pa.timestamp("us"))
    if maps and column == "Tags":
        return pa.array([list(json.loads(text).items()) for text in texts], pa.map_(pa.string(), pa.string()))
    return pa.array([text or None for text in texts] if times is False else texts, pa.string())


def _text(name: str) -> bytes:
    return (_WRITERS / name).read_bytes()


def _snowflake() -> tuple[str, bytes]:
    return "2026-11/data_0_0_0.csv.gz", gzip.compress(_text("snowflake.csv"))


def _databricks() -> tuple[str, bytes]:
    body = _parquet("databricks.csv", pa.decimal128(38, 18), times=True, maps=True)
    return "BillingPeriod=2026-11/part-00000-tid-7291-c000.snappy.parquet", body


def _litellm() -> tuple[str, bytes]:
    return "date=2026-11-03/usage.parquet", _parquet("litellm.csv", pa.decimal128(18, 6))


def _vercel() -> tuple[str, bytes]:
    return "charges.jsonl.gz", gzip.compress(_text("vercel.jsonl"))


def _castai() -> tuple[str, bytes]:
    return "year=2026/month=11/day=02/costs.parquet", _parquet("castai.csv", pa.float64())


def _read(tmp_path: Path, name: str, body: bytes) -> tuple[list[CostLine], Delivery]:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    for mark in ("_SUCCESS", "_committed_7291", "_started_7291"):
        (path.parent / mark).touch()
    os.utime(path, ((_NOW - timedelta(hours=3)).timestamp(),) * 2)
    source = {"name": "main", "url": f"file://{tmp_path}"}
    shared = Shared(Settings.model_validate({"focus": {"sources": [source]}}), now=lambda: _NOW)
    looked = collect(shared, "focus/default/main/deliveries", Window(_NOW - timedelta(hours=1), _NOW))
    seen = [one for batch in looked.batches for one in batch.deliveries if one.state is DeliveryState.SEEN]
    assert [one.period_start for one in seen] == [_NOVEMBER.start], looked.error
    found = collect(shared, "focus/default/main/files", _NOVEMBER)
    assert found.error is None, found.error
    check_collection(found)
    (proof,) = [one for batch in found.batches for one in batch.deliveries]
    return found.costs(), proof


Read = Callable[[Callable[[], tuple[str, bytes]]], tuple[list[CostLine], Delivery]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """What a writer has written, read once."""

    @cache
    def of(written: Callable[[], tuple[str, bytes]]) -> tuple[list[CostLine], Delivery]:
        return _read(tmp_path_factory.mktemp("bill"), *written())

    return of


@pytest.mark.parametrize(
    ("written", "rows", "total", "lines"),
    [
        (_snowflake, 3, "11.36", 3),
        (_databricks, 3, "0.300000000000000001", 2),
        (_litellm, 2, "0.012346", 2),
        (_vercel, 3, "21.7500000000000000000001", 3),
        (_castai, 3, "0.3000001", 2),
    ],
    ids=lambda one: one.__name__.strip("_") if callable(one) else "",
)
def test_each_writer_is_read_with_the_right_total(
    read: Read, written: Callable[[], tuple[str, bytes]], rows: int, total: str, lines: int
) -> None:
    found, proof = read(written)
    assert (proof.rows_read, proof.totals, len(found)) == (rows, {"USD": Decimal(total)}, lines)


def test_what_snowflake_does_not_tell_is_not_told(read: Read) -> None:
    found, _ = read(_snowflake)
    assert "\\N" not in str(found)
    storage = next(line for line in found if line.service_name == "STORAGE")
    assert (storage.unit, storage.quantity, storage.charge_class) == ("TiB-Months", Decimal("0.00075"), "")
    assert storage.start == datetime(2026, 11, 2, tzinfo=UTC)
    assert storage.details["x_ServiceLevel"] == "Enterprise"
    assert "x_UpdatedAt" not in storage.details


def test_what_each_says_of_a_charge(read: Read) -> None:
    databricks, _ = read(_databricks)
    assert {(line.charge_class, line.sku_id, line.lines) for line in databricks} == {
        ("", "PREMIUM_JOBS_COMPUTE", 2),
        ("Correction", "PREMIUM_JOBS_COMPUTE", 1),
    }
    assert {line.tags["team"] for line in databricks} == {"search"}
    vercel, _ = read(_vercel)
    usage = [line for line in vercel if line.service_name == "Function Duration"]
    assert {line.tags["ProjectName"] for line in usage} == {"shop ü"}
    assert {line.quantity for line in usage} == {Decimal("9.75"), None}
    castai, _ = read(_castai)
    web = next(line for line in castai if line.resource_id.endswith("web"))
    assert (web.lines, web.effective_cost, web.amounts["x_CpuCost"]) == (2, Decimal("0.3"), Decimal("0.3"))
    assert web.details["x_Namespace"] == "shop"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"BilledCost": 1}\n[1]\n', "row 2 is no object in JSON"),
        (b'{"BilledCost": 1', "row 1 is no object in JSON"),
        (b'{"BilledCost": NaN}', "NaN is no number"),
        (b'{"BilledCost": 1, "BilledCost": 2}', "a name is there twice"),
        (b"[" * 100_000, "row 1 is no object in JSON"),
        (b'{"a": "' + b"x" * 2_000_000, "longer than"),
    ],
    ids=["list", "torn", "nan", "twice", "deep", "long"],
)
def test_json_lines_that_are_none_are_said(tmp_path: Path, body: bytes, said: str) -> None:
    (tmp_path / "2026-11").mkdir()
    (tmp_path / "2026-11" / "a.jsonl").write_bytes(body)
    os.utime(tmp_path / "2026-11" / "a.jsonl", ((_NOW - timedelta(hours=3)).timestamp(),) * 2)
    source = {"name": "main", "url": f"file://{tmp_path}"}
    shared = Shared(Settings.model_validate({"focus": {"sources": [source]}}), now=lambda: _NOW)
    found = collect(shared, "focus/default/main/files", _NOVEMBER)
    assert isinstance(found.error, CollectionFailed)
    assert said in str(found.error)
