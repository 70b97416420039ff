"""What a plan says of bills from files: lists, reads, bytes; a price where it is published, else unknown, never 0."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from agents.core.service import find, services
from storage.ledger import TargetPlan
from telemetry.deliveries import DeliveredFile
from telemetry.settings import Settings
from telemetry.target import Target
from tests.support.ec2 import NOW
from workers.estimates import Estimates
from workers.money import in_bytes
from workers.plan_lines import Line, line_of
from workers.plan_screen import show_plan

_MIB = 1024 * 1024
_FILES = [DeliveredFile(name="1.csv.gz", size=9 * _MIB), DeliveredFile(name="2.csv.gz", size=1000)]
"""Five reads: a head, three blocks, and the second one."""
_KEYS = {"access_key_id": "AKIA", "secret_access_key": "x"}
_SETTINGS = Settings.model_validate(
    {
        "aws": {"bill_exports": [{"name": "cur", "url": "s3://bucket/exports/cur"}]},
        "azure": {
            "subscription_id": "11111111-1111-4111-8111-111111111111",
            "bill_exports": [{"name": "costs", "url": "https://acct.blob.core.windows.net/exports/costs"}],
        },
        "focus": {
            "sources": [
                {"name": "amazon", "url": "s3://bucket/focus", **_KEYS},
                {"name": "compatible", "url": "s3://bucket/x", "endpoint": "https://minio.example", **_KEYS},
                {"name": "google", "url": "gs://bucket/x"},
                {"name": "blob", "url": "https://acct.blob.core.windows.net/c/x"},
                {"name": "folder", "url": "file:///srv/bills"},
            ]
        },
    }
)
_LIST, _READ = Decimal("0.005") / 1000, Decimal("0.0004") / 1000
"""Of S3, as AWS publishes it for 1,000 requests; not read from what is tested."""
_READINGS = {
    "aws/default/cur/bill_files": ({"s3:ListObjectsV2": 1, "s3:HeadObject": 2, "s3:GetObject": 6}, _LIST + 8 * _READ),
    "azure/default/costs/bill_files": ({"blob:ListBlobs": 1, "blob:GetBlob": 5}, None),
    "focus/default/amazon/files": ({"s3:ListObjectsV2": 1, "s3:GetObject": 5}, _LIST + 5 * _READ),
    "focus/default/compatible/files": ({"s3:ListObjectsV2": 1, "s3:GetObject": 5}, None),
    "focus/default/google/files": ({"storage.objects.list": 1, "storage.objects.get": 5}, None),
    "focus/default/blob/files": ({"blob:ListBlobs": 1, "blob:GetBlob": 5}, None),
    "focus/default/folder/files": ({"file:list": 1, "file:read": 5}, Decimal(0)),
}


def _line(name: str, files: Sequence[DeliveredFile] | None, a_day: Decimal | None = Decimal(1)) -> Line:
    target = Target.parse(name)
    service = find(target.provider, target.service)
    known = {} if files is None else {name: files}
    estimates = Estimates(_SETTINGS, NOW, {name: 0}, deliveries={} if a_day is None else {name: a_day}, files=known)
    plan = TargetPlan(
        target=target, queue="q", interval=service.interval, delay=timedelta(0), live=False, delivered=service.delivered
    )
    return line_of(service, plan, estimates, 0)


@pytest.mark.parametrize("name", _READINGS)
def test_a_reading_by_the_files_of_the_newest_delivery(name: str) -> None:
    calls, usd = _READINGS[name]
    line = _line(name, _FILES, Decimal(2))
    assert line.calls_per_day == {api: 2 * count for api, count in calls.items()}
    assert line.usd_per_day == (None if usd is None else 2 * usd)
    assert (line.bytes_per_delivery, line.bytes_per_day) == (9 * _MIB + 1000, 2 * (9 * _MIB + 1000))
    assert line.delivered
    if usd is None:
        assert "price" in line.why
    unknown = _line(name, None)
    assert (unknown.bytes_per_delivery, unknown.bytes_per_day) == (None, None)
    assert unknown.calls_per_day
    assert unknown.bound in {"at least", "about"}
    assert _line(name, _FILES, None).bytes_per_day is None


def test_each_service_that_reads_files_is_here() -> None:
    assert {Target.parse(name).service for name in _READINGS} == {
        name for (_, name), service in services().items() if service.reads_files
    }


@pytest.mark.parametrize("name", ["azure/default/costs/bill_deliveries", "focus/default/amazon/deliveries"])
def test_a_look_is_a_list_and_never_free_where_nobody_knows_its_price(name: str) -> None:
    line = _line(name, None)
    assert sum((line.calls_per_day or {}).values()) == 24
    assert line.usd_per_day == (24 * _LIST if "amazon" in name else None)


def test_of_parquet_it_is_the_least(capsys: pytest.CaptureFixture[str]) -> None:
    parquet = [DeliveredFile(name="1.parquet", size=9 * _MIB)]
    line = _line("focus/default/folder/files", parquet)
    assert (line.bound, line.calls_per_day) == ("at least", {"file:list": 1, "file:read": 4})
    assert "row group of Parquet" in line.why
    blob = "azure/default/costs/bill_files"
    show_plan([line, _line(blob, None), _line("focus/default/amazon/files", parquet, None)], each=True)
    shown = capsys.readouterr().out
    assert "files of bills: at least 9.44 MB a day" in shown
    assert "2 targets unknown: azure/bill_files, focus/files" in shown
    assert "when delivered" in shown
    assert "31d" not in shown
    assert "31 days" not in shown
    (paid,) = (row for row in shown.splitlines() if row.startswith("blob:GetBlob"))
    assert "unknown" in paid


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (9 * _MIB, "9.44 MB"),
        (999_600_000, "1000 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_bytes_in_words(count: int, said: str) -> None:
    assert in_bytes(count) == said
