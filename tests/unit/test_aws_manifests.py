"""Manifests of AWS's bills: what they say, and that whatever else lies there harms nobody."""

import hashlib
import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.aws.bills.manifests import Manifest, month_of, months_back, read_manifest
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.delivery_checks import check_deliveries
from telemetry.errors import CollectionFailed

NOVEMBER = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def _read(body: bytes) -> Manifest:
    return read_manifest(body, "exports/cur/m-Manifest.json", NOVEMBER, bucket="bills", folder="exports/cur")


@pytest.mark.parametrize(
    ("folder", "start", "end"),
    [
        ("BILLING_PERIOD=2026-11", "2026-11-01", "2026-12-01"),
        ("BILLING_PERIOD=2026-12", "2026-12-01", "2027-01-01"),
        ("20261101-20261201", "2026-11-01", "2026-12-01"),
        ("20261201-20270101", "2026-12-01", "2027-01-01"),
        ("BILLING_PERIOD=2026-13", "", ""),
        ("BILLING_PERIOD=1926-01", "", ""),
        ("20261101-20261231", "", ""),
        ("20261101-20270101", "", ""),
        ("date=2026-11-01", "", ""),
        ("cur", "", ""),
    ],
)
def test_a_folder_tells_its_month(folder: str, start: str, end: str) -> None:
    found = month_of(folder)
    assert [f"{one:%Y-%m-%d}" for one in found or ()] == ([start, end] if start else [])


def test_the_last_months_end_with_the_present_one() -> None:
    found = months_back(datetime(2026, 2, 28, 23, tzinfo=UTC), 14)
    assert [f"{start:%Y-%m}" for start, _ in (found[0], found[1], found[2], found[-1])] == [
        "2026-02", "2026-01", "2025-12", "2025-01",
    ]  # fmt: skip
    assert all(one[1] == former[0] for former, one in pairwise(found))


def test_both_kinds_say_which_files_there_are() -> None:
    files = ["exports/cur/data/BILLING_PERIOD=2026-11/cur-00001.csv.gz", "exports/cur/b.parquet"]
    newer = json.dumps({
        "exportName": "cur", "billingPeriod": "2026-11", "dataFiles": [f"s3://bills/{one}" for one in files],
        "columns": [{"name": "line_item_unblended_cost", "type": "double"}],
    }).encode()  # fmt: skip
    older = json.dumps({
        "reportName": "cur", "billingPeriod": {"start": "20261101T000000.000Z", "end": "20261201T000000.000Z"},
        "reportKeys": files, "columns": [{"category": "lineItem", "name": "UnblendedCost", "type": "BigDecimal"}],
    }).encode()  # fmt: skip
    for body in (newer, older):
        found = _read(body)
        assert found.files == tuple(files)
        assert (found.version, found.period) == (hashlib.sha256(body).hexdigest(), NOVEMBER)


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 100_000, b'"\xff"', b"nul", b'{"dataFiles": ' + b"9" * 9000]
)
def test_what_cannot_be_decoded_is_no_manifest(body: bytes) -> None:
    with pytest.raises(CollectionFailed, match="no manifest"):
        _read(body)


@pytest.mark.parametrize(
    "name", ["exports/cur/" + "a" * 2000, "exports/cur/a\x00b", "exports/cur/a\nb", "exports/cur/\ud800"]
)
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(CollectionFailed, match=r"cannot be the name of a file|no manifest"):
        _read(json.dumps({"dataFiles": [name]}).encode())


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_FILES = st.lists(
    st.sampled_from(["s3://bills/exports/cur/a", "exports/cur/b", "s3://bills", "s3://", "/", "exports/cur/", ""])
    | st.text(max_size=20)
)
_KEYS = ("exportName", "reportName", "billingPeriod", "columns", "executionId", "assemblyId")


@settings(max_examples=100)
@given(st.fixed_dictionaries({}, optional={**dict.fromkeys(_KEYS, _ANYTHING), "dataFiles": _FILES | _ANYTHING}))
def test_whatever_it_says_it_is_read_or_refused_in_words(told: dict[str, Any]) -> None:
    try:
        found = _read(json.dumps(told).encode())
    except CollectionFailed:
        return
    files = [DeliveredFile(name=one) for one in found.files]
    seen = Delivery(
        state=DeliveryState.SEEN, period_start=found.period[0], period_end=found.period[1], version=found.version,
        files=files, service="bill_files",
    )  # fmt: skip
    check_deliveries([seen])
