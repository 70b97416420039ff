"""Manifests of bills: whatever is in a file of that name, it is read or refused in words, and ends nothing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.azure.bill_manifests import NoMonth, current
from agents.azure.bill_manifests import parse_manifest as parse_azure
from agents.core.bill_months import check_month, first_month, month_at, month_of
from agents.core.bills.entry import Entry
from agents.core.bills.manifests import is_manifest
from agents.core.bills.manifests import parse_manifest as parse_focus
from agents.focus.periods import month_by_folders
from telemetry.errors import CollectionFailed
from telemetry.target import Window

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_KNOWN: dict[str, Any] = {
    "blobCount": 1,
    "dataRowCount": 3,
    "blobs": [{"blobName": "root/a.csv", "byteCount": 5, "dataRowCount": 3}],
    "exportConfig": {
        "exportName": "x",
        "resourceId": "/s/providers/Microsoft.CostManagement/exports/x",
        "type": "FocusCost",
    },
    "deliveryConfig": {"compressionMode": "gzip"},
    "runInfo": {
        "submittedTime": "2026-11-24T08:10:31.7047394Z",
        "startDate": "2026-11-01T00:00:00",
        "endDate": "2026-11-30T00:00:00",
    },
    "billingPeriod": "2026-11",
    "dataFiles": ["s3://bucket/a.csv"],
    "period": "2026-11",
    "files": [{"name": "a.csv", "size": 5, "rows": 3}],
}
_PATHS = [
    (name, inner) for name, value in _KNOWN.items() for inner in (None, *(value if isinstance(value, dict) else ()))
]


@given(body=st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(CollectionFailed, match=r"a/manifest\.json"):
        parse_azure("a/manifest.json", body)
    with pytest.raises(CollectionFailed, match=r"a/manifest\.json"):
        parse_focus(Entry("a/manifest.json", 1, "e"), body)


@given(place=st.sampled_from(_PATHS), value=_JSON, only=st.sampled_from(["runInfo", "dataFiles", "files"]))
def test_one_that_is_harmed_in_one_place_is_read_or_refused(place: tuple[str, Any], value: Any, only: str) -> None:
    told: dict[str, Any] = json.loads(json.dumps(_KNOWN))
    for other in {"runInfo", "dataFiles", "files"} - {only}:
        del told[other]
    name, inner = place
    if name not in told:
        return
    if inner is None:
        told[name] = value
    else:
        told[name][inner] = value
    body = json.dumps(told).encode()
    for parse in (lambda: parse_azure("m", body), lambda: parse_focus(Entry("m", 1, "e"), body)):
        try:
            found = parse()
        except CollectionFailed:
            continue
        assert found is None or found.version


def test_a_time_has_a_zone_or_none_and_any_number_of_digits() -> None:
    texts = ("2026-11-24T08:10:31.7047394Z", "2026-11-24T08:10:31.7047394", "2026-11-24T10:10:31.704739+02:00")
    for text in texts:
        found = parse_azure(
            "m", json.dumps(_KNOWN | {"runInfo": {**_KNOWN["runInfo"], "submittedTime": text}}).encode()
        )
        assert found is not None
        assert found.submitted == datetime(2026, 11, 24, 8, 10, 31, 704739, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-11-02", "2026-11-30"), ("2026-08-01", "2026-10-31"), ("2026-11-01T00:00:00+01:00", "2026-11-30")],
)
def test_a_run_of_no_calendar_month_is_none(start: str, end: str) -> None:
    run = {**_KNOWN["runInfo"], "startDate": start, "endDate": end}
    with pytest.raises(NoMonth):
        parse_azure("m", json.dumps(_KNOWN | {"runInfo": run}).encode())


@pytest.mark.parametrize("end", ["2026-11-24T08:00:00Z", "2026-11-30", "2026-11-30T23:59:59", "2026-12-01T00:00:00Z"])
def test_a_month_may_end_in_any_way(end: str) -> None:
    run = {**_KNOWN["runInfo"], "endDate": end}
    found = parse_azure("m", json.dumps(_KNOWN | {"runInfo": run}).encode())
    assert found is not None
    assert list(current([found])) == [month_at(datetime(2026, 11, 5, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("key", "month"),
    [
        ("a/2026-11/x.csv", "2026-11"),
        ("BILLING_PERIOD=2026-02/x.csv", "2026-02"),
        ("a/20261101-20261130/run/x.csv", "2026-11"),
        ("2026/1/x.csv", "2026-01"),
        ("year=2026/month=01/x.csv", "2026-01"),
        ("2026/11/24/x.csv", ""),
        ("year=2026/month=11/day=24/x.csv", ""),
        ("2026-11.csv", ""),
        ("a/2026-13/x.csv", ""),
        ("a/v2026/x.csv", ""),
        ("x.csv", ""),
    ],
)
def test_folders_tell_a_month_or_none(key: str, month: str) -> None:
    assert month_by_folders(key) == (month_of(month) if month else None)


def test_names_of_manifests() -> None:
    assert all(map(is_manifest, ("manifest.json", "a/Manifest.json", "x-Manifest.json", "a.manifest.json")))
    assert not any(map(is_manifest, ("manifest.json.bak", "a/manifesto.json", "notamanifest.json", "manifest")))


def test_fourteen_months_are_looked_at() -> None:
    now = datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert first_month(now).start == datetime(2024, 12, 1, tzinfo=UTC)
    assert month_at(now) == Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    check_month(month_at(now))
    with pytest.raises(CollectionFailed, match="calendar months"):
        check_month(Window(now.replace(day=1, hour=0), now))


@pytest.mark.parametrize("names", [["a\x1b[2J.csv"], ["a\0.csv"], ["a" * 2000 + ".csv"], ["a.csv"] * 10_001])
def test_a_manifest_of_files_that_none_has_is_refused(names: list[str]) -> None:
    blobs = [{"blobName": name, "byteCount": 5, "dataRowCount": 3} for name in names]
    azure = json.dumps({**_KNOWN, "blobCount": len(blobs), "blobs": blobs}).encode()
    with pytest.raises(CollectionFailed, match=r"cannot be the name of a file|10001 files"):
        parse_azure("a/manifest.json", azure)
    own = json.dumps({"period": "2026-11", "files": [{"name": name} for name in names]}).encode()
    for body in (azure, own):
        with pytest.raises(CollectionFailed, match=r"cannot be the name of a file|10001 files"):
            parse_focus(Entry("a/manifest.json", 1, "e"), body)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"period": "2026-10"}', "files is missing"),
        (b'{"period": "2026-10", "files": [{}]}', "name is missing"),
        (b'{"period": "2026-10", "files": 5}', "a value in it is not of the kind that belongs there"),
        (b"[]", "a value in it is not of the kind that belongs there"),
        (b"{", "it is not JSON"),
        (b"\xff", "it is not UTF-8"),
    ],
)
def test_what_a_manifest_lacks_is_said_in_words(text: bytes, said: str) -> None:
    with pytest.raises(CollectionFailed, match=f"it is no manifest of a form that is known: {said}") as caught:
        parse_focus(Entry("a/manifest.json", 2, "e"), text)
    assert "Error" not in str(caught.value)
