"""Bills in FOCUS from folders: with manifests of several forms, and without, by folders and by rows."""

import csv
import gzip
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agents.core.context import Shared
from agents.testing.collecting import check_collection
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import CollectionFailed
from telemetry.settings import Settings
from telemetry.target import Window
from tests.support.azure_exports import Form, encoded
from tests.support.collecting import Collected, collect

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), NOVEMBER.start)
HOUR = timedelta(hours=1)


def _row(day: str, cost: str, **columns: str) -> dict[str, str]:
    return {
        "BilledCost": cost,
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{day[:7]}-01T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{day}T01:00:00Z",
        "EffectiveCost": cost,
        "ServiceName": "Compute",
        "ResourceId": "ocid1.instance.oc1..a",
        "Tags": '{"team": "search"}',
        **columns,
    }


def _write(path: Path, rows: Sequence[dict[str, str]], *, at: datetime = NOW - 2 * HOUR) -> None:
    """A file in the form of its name, last changed ``at``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form: Form = "parquet" if path.suffix == ".parquet" else "csv.gz" if path.suffix == ".gz" else "csv"
    path.write_bytes(encoded(rows, list(rows[0]) if rows else ["BilledCost"], form))
    os.utime(path, (at.timestamp(), at.timestamp()))


def _shared(folder: Path, now: datetime = NOW, **source: Any) -> Shared:
    given = {"name": "main", "url": f"file://{folder}", **source}
    return Shared(Settings.model_validate({"focus": {"sources": [given]}}), now=lambda: now)


def _look(context: Shared) -> Collected:
    return collect(context, "focus/default/main/deliveries", Window(NOW - HOUR, NOW))


def _read(context: Shared, window: Window = NOVEMBER) -> Collected:
    return collect(context, "focus/default/main/files", window)


def _seen(found: Collected) -> dict[datetime, str]:
    return {one.period_start: one.version for one in _deliveries(found) if one.state is DeliveryState.SEEN}


def _deliveries(found: Collected) -> list[Delivery]:
    assert found.error is None, found.error
    return [one for batch in found.batches for one in batch.deliveries]


def _proof(found: Collected) -> Delivery:
    (proof,) = _deliveries(found)
    assert proof.state is DeliveryState.READ
    return proof


def _own(name: str, rows: int, folder: Path) -> dict[str, Any]:
    del folder
    return {"period": "2026-11", "submitted": "2026-11-24T08:00:00Z", "files": [{"name": name, "rows": rows}]}


def _aws(name: str, rows: int, folder: Path) -> dict[str, Any]:
    del rows
    return {"exportName": "x", "billingPeriod": "2026-11", "dataFiles": [f"s3://bucket/{folder}/{name}"]}


def _legacy(name: str, rows: int, folder: Path) -> dict[str, Any]:
    del rows
    period = {"start": "20261101T000000.000Z", "end": "20261201T000000.000Z"}
    return {"assemblyId": "x", "billingPeriod": period, "reportKeys": [f"{folder}/{name}"]}


def _azure(name: str, rows: int, folder: Path) -> dict[str, Any]:
    return {
        "blobs": [{"blobName": f"{folder}/{name}", "byteCount": 1, "dataRowCount": rows}],
        "runInfo": {"submittedTime": "2026-11-24T08:10:31.7047394Z", "startDate": "2026-11-01T00:00:00"},
    }


@pytest.mark.parametrize("form", [_own, _aws, _legacy, _azure], ids=["own", "aws", "legacy", "azure"])
def test_a_manifest_of_any_form_says_what_a_month_is_made_of(tmp_path: Path, form: Any) -> None:
    folder = tmp_path / "2026"
    _write(folder / "part-1.parquet", [_row("2026-11-02", "0.1"), _row("2026-11-02", "0.2")])
    _write(folder / "stale.parquet", [_row("2026-11-02", "100")])
    (folder / "x-Manifest.json").write_text(json.dumps(form("part-1.parquet", 2, Path("2026"))))
    context = _shared(tmp_path)
    seen = _seen(_look(context))
    found = _read(context)
    check_collection(found)
    proof = _proof(found)
    assert seen == {NOVEMBER.start: proof.version}
    assert (proof.rows_read, proof.totals) == (2, {"USD": Decimal("0.3")})


def test_of_two_manifests_of_a_month_the_later_one_counts(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        _write(tmp_path / f"{number}.csv", [_row("2026-11-02", str(number))])
        told = _own(f"{number}.csv", 1, tmp_path) | {"submitted": f"2026-11-2{ {1: 1, 2: 3, 3: 2}[number] }T08:00:00Z"}
        (tmp_path / f"{number}-manifest.json").write_text(json.dumps(told))
    assert _proof(_read(_shared(tmp_path))).totals == {"USD": Decimal(2)}


def test_a_manifest_that_is_not_kept_is_noticed(tmp_path: Path) -> None:
    _write(tmp_path / "1.csv.gz", [_row("2026-11-02", "1")])
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(_own("1.csv.gz", 2, tmp_path)))
    found = _read(_shared(tmp_path))
    assert isinstance(found.error, CollectionFailed)
    assert "1 rows were read of 2" in str(found.error)
    manifest.write_text(json.dumps(_own("absent.csv.gz", 1, tmp_path)))
    found = _read(_shared(tmp_path))
    assert isinstance(found.error, CollectionFailed)
    assert found.error.transient
    assert "absent.csv.gz" in str(found.error)


@pytest.mark.parametrize(
    "folder",
    [
        "BILLING_PERIOD=2026-11",
        "2026-11",
        "202611/abc",
        "20261101-20261201",
        "2026/11",
        "year=2026/month=11",
        "date=2026-11-01",
    ],
)
def test_folders_of_months_tell_the_month(tmp_path: Path, folder: str) -> None:
    _write(tmp_path / folder / "part.csv", [_row("2026-11-02", "1")])
    context = _shared(tmp_path)
    proof = _proof(_read(context))
    assert _seen(_look(context)) == {NOVEMBER.start: proof.version}
    assert proof.totals == {"USD": Decimal(1)}


def test_files_of_every_few_hours_are_of_the_months_that_their_rows_say(tmp_path: Path) -> None:
    """As Oracle writes them: a file is in the folder of the day of its writing, and corrections are further rows."""
    _write(tmp_path / "2026/11/01/a-00001.csv.gz", [_row("2026-10-31", "1"), _row("2026-11-01", "2")])
    _write(tmp_path / "2026/11/02/b-00001.csv.gz", [_row("2026-11-02", "4")])
    context = _shared(tmp_path)
    before = _seen(_look(context))
    assert before.keys() == {OCTOBER.start, NOVEMBER.start}
    assert _proof(_read(context, OCTOBER)).totals == {"USD": Decimal(1)}
    november = _proof(_read(context))
    assert (november.totals, november.version) == ({"USD": Decimal(6)}, before[NOVEMBER.start])

    _write(tmp_path / "2026/11/09/c-00001.csv.gz", [_row("2026-10-31", "-0.5", ChargeClass="Correction")])

    after = _seen(_look(context))
    assert after[NOVEMBER.start] == before[NOVEMBER.start]
    assert after[OCTOBER.start] != before[OCTOBER.start]
    found = _read(context, OCTOBER)
    assert _proof(found).totals == {"USD": Decimal("0.5")}
    assert {line.charge_class for line in found.costs()} == {"", "Correction"}


def test_what_is_still_being_written_waits_for_the_next_look(tmp_path: Path) -> None:
    _write(tmp_path / "2026-11/1.csv", [_row("2026-11-02", "1")])
    _write(tmp_path / "2026-11/2.csv", [_row("2026-11-02", "2")], at=NOW - timedelta(minutes=5))
    look = _look(_shared(tmp_path))
    assert _deliveries(look) == [], "it is not missing either"
    (lacks,) = look.report.partial
    assert "2026-11" in lacks
    assert "changed within the last hour" in lacks
    early = _read(_shared(tmp_path))
    assert isinstance(early.error, CollectionFailed)
    assert early.error.transient
    assert "changed within the last hour" in str(early.error)
    later = _shared(tmp_path, NOW + HOUR)
    assert _seen(_look(later)).keys() == {NOVEMBER.start}
    assert _proof(_read(later)).totals == {"USD": Decimal(3)}


def test_a_file_that_goes_or_changes_makes_another_version(tmp_path: Path) -> None:
    for name in ("1", "2"):
        _write(tmp_path / f"2026-11/{name}.csv", [_row("2026-11-02", name)])
    first = _seen(_look(_shared(tmp_path)))
    assert _seen(_look(_shared(tmp_path))) == first
    _write(tmp_path / "2026-11/2.csv", [_row("2026-11-02", "3")], at=NOW - timedelta(minutes=90))
    second = _seen(_look(_shared(tmp_path)))
    (tmp_path / "2026-11/2.csv").unlink()
    # Which of two is the newer one, the time of their files does not tell: only that of their sightings.
    assert {one.submitted_at for one in _deliveries(_look(_shared(tmp_path)))} == {None}
    third = _seen(_look(_shared(tmp_path)))
    assert len({one[NOVEMBER.start] for one in (first, second, third)}) == 3


@pytest.mark.parametrize(
    "begins",
    [
        "2026-11-01",
        "2026-11-01T00:00:00",
        "2026-11-01 00:00:00.000 UTC",
        "2026-11-01T00:00:00+00:00",
        "2026-11-01 07:00:00Z",
        "11/01/2026",
        "11/1/2026 00:00",
        "20261101",
        "20261101T000000.000Z",
    ],
)
def test_the_begin_of_a_billing_period_may_be_written_in_any_way(tmp_path: Path, begins: str) -> None:
    rows = [_row("2026-11-02", "1", BillingPeriodStart=begins), _row("2026-10-02", "2")]
    _write(tmp_path / "a.csv", rows)
    context = _shared(tmp_path)
    assert _seen(_look(context)).keys() == {OCTOBER.start, NOVEMBER.start}
    assert _proof(_read(context)).totals == {"USD": Decimal(1)}


def test_old_names_are_aliased_and_other_columns_kept(tmp_path: Path) -> None:
    row = _row(
        "2026-11-02", "1", Provider="Oracle Cloud", Publisher="Oracle", InvoiceIssuer="Oracle", Region="eu-frankfurt-1"
    )
    row |= {"oci_CompartmentName": "shop", "x_Cluster": "blue", "UsageQuantity": "3", "UsageUnit": "OCPU HOURS"}
    _write(tmp_path / "2026-11/1.csv", [row])
    (line,) = _read(_shared(tmp_path)).costs()
    assert (line.region_id, line.quantity, line.unit) == ("eu-frankfurt-1", Decimal(3), "OCPU HOURS")
    assert line.details == {
        "ServiceProviderName": "Oracle Cloud",
        "HostProviderName": "Oracle",
        "InvoiceIssuerName": "Oracle",
        "oci_CompartmentName": "shop",
        "x_Cluster": "blue",
    }


def test_files_that_are_none_stand_in_no_ones_way(tmp_path: Path) -> None:
    _write(tmp_path / "2026-11/1.csv", [_row("2026-11-02", "1")])
    for name in ("README.md", "2026-11/_SUCCESS", "2026-11/.1.csv.crc", "2026-11/2.csv.tmp"):
        (tmp_path / name).write_text("x")
    assert _proof(_read(_shared(tmp_path))).totals == {"USD": Decimal(1)}


def test_a_file_that_is_not_focus_is_said(tmp_path: Path) -> None:
    _write(tmp_path / "a.csv", [{"Some": "1"}])
    _write(tmp_path / "b.csv", [_row("2026-11-02", "1")])
    found = _look(_shared(tmp_path))
    assert _seen(found).keys() == {NOVEMBER.start}
    assert any("a.csv" in reason and "not FOCUS" in reason for reason in found.report.partial)


def test_a_folder_that_nobody_writes_to_any_more_is_a_gap_with_a_reason(tmp_path: Path) -> None:
    (missing,) = _deliveries(_look(_shared(tmp_path)))
    assert (missing.state, missing.period_start) == (DeliveryState.MISSING, NOVEMBER.start)
    _write(tmp_path / "2026-10/1.csv", [_row("2026-10-02", "1")], at=datetime(2026, 11, 3, tzinfo=UTC))
    seen, missing = _deliveries(_look(_shared(tmp_path)))
    assert (seen.state, missing.state) == (DeliveryState.SEEN, DeliveryState.MISSING)
    assert "nothing was delivered since 2026-11-03" in missing.reason


def test_nothing_is_read_twice_to_learn_of_its_months(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _write(tmp_path / f"{name}.csv", [_row("2026-11-02", "1")])
    context = _shared(tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert _look(context).calls["file.read"] == 3
    assert _look(context).calls == {"file.list": 1}
    (tmp_path / "torn.csv.gz").write_bytes(gzip.compress(b"BillingPeriodStart\n2026-11-01\n")[:-9])
    for _ in range(2):
        broken_off = _look(context)
        assert broken_off.error is not None
        assert broken_off.calls["file.read"] == 1, "the torn one alone"


def test_a_manifest_that_is_none_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    context = _shared(tmp_path)
    assert [_look(context).calls.get("file.read", 0) for _ in range(2)] == [1, 0]


def test_torn_gzip_leaves_the_former_version_standing(tmp_path: Path) -> None:
    text = StringIO()
    rows = [_row("2026-11-02", "1")] * 500
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "2026-11/1.csv.gz"
    _write(path, rows)
    path.write_bytes(gzip.compress(text.getvalue().encode())[:-20])
    os.utime(path, ((NOW - 2 * HOUR).timestamp(),) * 2)
    found = _read(_shared(tmp_path))
    assert isinstance(found.error, CollectionFailed)
    assert not found.batches


def test_a_torn_file_whose_rows_tell_the_month_leaves_the_former_version_standing(tmp_path: Path) -> None:
    _write(tmp_path / "a.csv", [_row("2026-11-02", "1")])
    _write(tmp_path / "b.csv.gz", [_row("2026-11-02", "2")])
    torn = tmp_path / "b.csv.gz"
    torn.write_bytes(torn.read_bytes()[:-9])
    os.utime(torn, ((NOW - 2 * HOUR).timestamp(),) * 2)
    for found in (_look(_shared(tmp_path)), _read(_shared(tmp_path))):
        assert isinstance(found.error, CollectionFailed)
        assert "b.csv.gz" in str(found.error)
        assert not [batch for batch in found.batches if batch.deliveries]


def _of_export(form: Any, name: str) -> dict[str, Any]:
    if form is _azure:
        scope = f"/subscriptions/{name}/providers/Microsoft.CostManagement/exports/bill"
        return {"exportConfig": {"exportName": "bill", "resourceId": scope}}
    return {"reportName" if form is _legacy else "exportName": name}


@pytest.mark.parametrize("form", [_aws, _legacy, _azure], ids=["aws", "legacy", "azure"])
def test_of_two_exports_in_one_folder_neither_is_lost_without_a_word(tmp_path: Path, form: Any) -> None:
    for name in ("first", "second"):
        folder = tmp_path / name
        _write(folder / "1.csv", [_row("2026-11-02", "1")])
        told = {**form("1.csv", 1, name), **_of_export(form, name)}
        (folder / "manifest.json").write_text(json.dumps(told))
    for found in (_look(_shared(tmp_path)), _read(_shared(tmp_path))):
        assert isinstance(found.error, CollectionFailed)
        assert "2 exports write there" in str(found.error)
        assert not found.batches


@pytest.mark.parametrize("name", ["1.json", "a\x1b[2J.csv", "a\0.csv"])
def test_a_manifest_of_what_cannot_be_read_stands_in_no_other_months_way(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "10/1.csv", [_row("2026-10-02", "1")])
    _write(tmp_path / "11/2.csv", [_row("2026-11-02", "1")])
    october = {"period": "2026-10", "files": [{"name": "1.csv"}]}
    for month, told in (("10", october), ("11", {"period": "2026-11", "files": [{"name": name}]})):
        (tmp_path / month / "manifest.json").write_text(json.dumps(told))
    found = _look(_shared(tmp_path))
    assert OCTOBER.start in _seen(found)
    assert NOVEMBER.start not in _seen(found)
    assert any("11/manifest.json" in reason for reason in found.report.partial)
    assert "\x1b" not in str(found.report.partial)


def test_a_manifest_of_the_future_outdoes_none(tmp_path: Path) -> None:
    for name, submitted in (("1", "2062-11-24T08:00:00Z"), ("2", "2026-11-24T08:00:00Z")):
        _write(tmp_path / f"{name}.csv", [_row("2026-11-02", name)])
        told = {"period": "2026-11", "submitted": submitted, "files": [{"name": f"{name}.csv"}]}
        (tmp_path / f"{name}-manifest.json").write_text(json.dumps(told))
    found = _read(_shared(tmp_path))
    assert _proof(found).totals == {"USD": Decimal(2)}
    assert any("2062-11-24, which is to come" in reason for reason in found.report.partial)


def test_no_file_is_lost_because_its_folders_name_no_month(tmp_path: Path) -> None:
    _write(tmp_path / "2026-11/1.csv", [_row("2026-11-02", "1")])
    _write(tmp_path / "2.csv", [_row("2026-11-02", "2")])
    assert "2.csv: its folders name no month" in str(_read(_shared(tmp_path, periods="folders")).error)
    assert _proof(_read(_shared(tmp_path))).totals == {"USD": Decimal(3)}
