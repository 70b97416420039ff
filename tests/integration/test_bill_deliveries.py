"""What AWS has delivered of the bill, told by the manifests in the local S3."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from moto.s3.models import s3_backends

from agents.core.permissions import permission_of
from agents.core.service import find
from agents.testing.collecting import check_collection, check_denied, check_estimate
from emulators.aws import LocalAws
from emulators.aws.data_exports import Export
from emulators.aws.deliveries import Deliveries
from telemetry.batch import Outcome
from telemetry.deliveries import DeliveryState
from telemetry.errors import CollectionFailed, Unavailable
from tests.support.aws_bills import (
    LOOK,
    LOOKING,
    MONTH,
    URL,
    WRITTEN,
    chunk,
    deliver,
    deliveries,
    line,
    shared_with_bills,
)
from tests.support.collecting import collect
from tests.support.ec2 import ACCESS_KEY, NOW, SECRET_KEY, standing_aws

SEEN, MISSING = DeliveryState.SEEN, DeliveryState.MISSING
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _manifest(key: str) -> bytes:
    found = s3_backends["123456789012"]["aws"].get_object("bills", key)
    assert found is not None
    return bytes(found.value)


@pytest.mark.parametrize("create_new", [False, True])
def test_the_newest_version_of_each_month_is_told_by_its_manifest_alone(aws: LocalAws, create_new: bool) -> None:
    deliver(chunk(line("1")), month="2026-10", at=WRITTEN - timedelta(days=20), create_new=create_new)
    for hours in (20, 10):
        key = deliver(chunk(line("1")), chunk(line("2")), at=WRITTEN - timedelta(hours=hours), create_new=create_new)
    found = collect(shared_with_bills(aws), LOOKING, LOOK)
    check_collection(found)
    assert found.report.outcome is Outcome.COMPLETE
    october, november = deliveries(found)
    assert (october.state, october.period_start, len(october.files)) == (SEEN, OCTOBER, 1)
    assert (november.state, november.period_end) == (SEEN, datetime(2026, 12, 1, tzinfo=UTC))
    assert november.version == hashlib.sha256(_manifest(key)).hexdigest()
    assert november.submitted_at == WRITTEN - timedelta(hours=10)
    assert [one.name for one in november.files] == [
        name
        for name in Deliveries().keys(f"exports/cur/data/BILLING_PERIOD={MONTH}/")
        if name in _manifest(key).decode()
    ]
    assert found.calls == {"s3.ListObjectsV2": 1, "s3.GetObject": 2}
    assert not [one for one in aws.records() if "/data/" in one.api]


def test_what_is_the_same_is_not_read_again(aws: LocalAws) -> None:
    deliver(chunk(line("1")))
    process = shared_with_bills(aws)
    first = collect(process, LOOKING, LOOK)
    again = collect(process, LOOKING, LOOK)
    assert deliveries(again) == deliveries(first)
    assert again.calls == {"s3.ListObjectsV2": 1}
    check_estimate(again, 0)
    deliver(chunk(line("2")), at=WRITTEN + timedelta(hours=1))
    newer = collect(process, LOOKING, LOOK)
    assert newer.calls == {"s3.ListObjectsV2": 1, "s3.GetObject": 1}
    assert deliveries(newer)[0].version != deliveries(first)[0].version


@pytest.mark.parametrize("assembly", ["", "0e3d1a4b"])
def test_reports_of_the_older_kind_are_found_too(aws: LocalAws, assembly: str) -> None:
    for month in ("2026-10", "2026-11"):
        Deliveries().cost_and_usage_report("cur", month, [chunk(line("1"))], WRITTEN, assembly=assembly)
    found = collect(shared_with_bills(aws), LOOKING, LOOK)
    check_collection(found)
    assert [(one.state, f"{one.period_start:%Y-%m}") for one in deliveries(found)] == [(SEEN, "2026-10"), (SEEN, MONTH)]
    assert found.calls == {"s3.ListObjectsV2": 2, "s3.HeadObject": 2, "s3.GetObject": 2}


def test_exports_under_one_prefix_are_kept_apart(aws: LocalAws) -> None:
    names = ("cur", "cur-focus", "cur2")
    for number, name in enumerate(names):
        Deliveries().data_export(name, MONTH, [chunk(line(str(number)))], WRITTEN)
    exports = [{"name": name, "url": f"s3://bills/exports/{name}"} for name in names]
    process = shared_with_bills(aws, bill_exports=exports)
    for name in names:
        (one,) = deliveries(collect(process, f"aws/default/{name}/bill_deliveries", LOOK))
        assert all(file.name.startswith(f"exports/{name}/") for file in one.files)


def test_fourteen_months_are_looked_at_and_no_older_one(aws: LocalAws) -> None:
    months = [f"{year}-{month:02d}" for year in (2024, 2025, 2026) for month in range(1, 13)][:35]
    for month in months:
        deliver(chunk(line("1")), month=month)
    found = deliveries(collect(shared_with_bills(aws), LOOKING, LOOK))
    assert [f"{one.period_start:%Y-%m}" for one in found] == months[-14:]
    assert {one.state for one in found} == {SEEN}


def test_a_manifest_of_an_older_execution_is_not_the_current_one(aws: LocalAws) -> None:
    """Somebody has copied it anew: what it bears is the time of the copy."""
    old = deliver(chunk(line("1")), at=WRITTEN - timedelta(days=1), create_new=True)
    older = next(key for key in Deliveries().keys("exports/cur/metadata/") if key != old)
    new = deliver(chunk(line("2")), at=WRITTEN, create_new=True)
    Deliveries().put(older, _manifest(older), NOW)
    (one,) = deliveries(collect(shared_with_bills(aws), LOOKING, LOOK))
    assert one.version == hashlib.sha256(_manifest(new)).hexdigest()
    Deliveries().delete(new)
    (without,) = deliveries(collect(shared_with_bills(aws), LOOKING, LOOK))
    assert without.version == one.version


def test_a_delivery_under_way_is_none_yet(aws: LocalAws) -> None:
    key = deliver(chunk(line("1")))
    deliver(chunk(line("2")), chunk(line("3")), at=NOW, manifest=False)
    (one,) = deliveries(collect(shared_with_bills(aws), LOOKING, LOOK))
    assert one.version == hashlib.sha256(_manifest(key)).hexdigest()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no manifest"),
        (b"\xff\xfe{", "no manifest"),
        (b"[1]", "no manifest"),
        (b"{}", "a list of files"),
        (b'{"dataFiles": [7]}', "a list of files"),
        (b'{"dataFiles": ["s3://other/exports/cur/data/a.csv.gz"]}', "another bucket"),
        (b'{"dataFiles": ["s3://bills/exports/cur2/data/a.csv.gz"]}', "not in the folder"),
        (b'{"dataFiles": ["s3://bills/exports/cur/a.csv", "exports/cur/a.csv"]}', "named twice"),
        (b'{"dataFiles": [], "exportName": "focus"}', "of the export 'focus'"),
        (b'{"dataFiles": [], "billingPeriod": "2026-10"}', "says it is of 2026-10"),
        (b'{"dataFiles": [], "billingPeriod": {"start": "20261001T000000.000Z"}}', "says it is of 2026-10"),
    ],
)
def test_a_manifest_that_is_none_is_a_gap_with_its_reason_and_harms_no_other_month(
    aws: LocalAws, body: bytes, said: str
) -> None:
    deliver(chunk(line("1")), month="2026-10")
    Deliveries().put(deliver(chunk(line("1"))), body, WRITTEN)
    found = collect(shared_with_bills(aws), LOOKING, LOOK)
    october, november = deliveries(found)
    assert (october.state, november.state) == (SEEN, MISSING)
    assert said in november.reason
    assert any(said in reason for reason in found.report.partial)


@pytest.mark.parametrize("body", [{"dataFiles": []}, {"dataFiles": [], "billingPeriod": 7, "columns": "x", "more": {}}])
def test_all_but_the_list_of_files_may_be_missing_or_of_another_form(aws: LocalAws, body: dict[str, object]) -> None:
    Deliveries().put(deliver(), b"\xef\xbb\xbf" + json.dumps(body).encode(), WRITTEN)
    (one,) = deliveries(collect(shared_with_bills(aws), LOOKING, LOOK))
    assert (one.state, one.files) == (SEEN, [])


def test_a_month_without_a_manifest_between_others_is_a_gap(aws: LocalAws) -> None:
    for month in ("2026-08", "2026-11"):
        deliver(chunk(line("1")), month=month)
    found = deliveries(collect(shared_with_bills(aws), LOOKING, LOOK))
    assert {f"{one.period_start:%Y-%m}" for one in found if one.state is MISSING} == {"2026-09", "2026-10"}


class TestNothingNewComes:
    """AWS writes at least once a day: after two days without, the present month is a gap, and AWS is asked why."""

    def _reason(self, aws: LocalAws) -> str:
        found = collect(shared_with_bills(aws), LOOKING, LOOK)
        check_collection(found)
        (one,) = [one for one in deliveries(found) if one.state is MISSING]
        assert f"{one.period_start:%Y-%m}" == MONTH
        assert any(one.reason[:60] in said for said in found.report.partial)
        return one.reason

    def test_never(self, aws: LocalAws) -> None:
        Deliveries()
        aws.exports["cur"] = Export("cur")
        assert f"there is no manifest in {URL}" in self._reason(aws)

    def test_not_any_more(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), at=NOW - timedelta(days=3))
        assert "since 2026-11-21T12:00:30Z" in self._reason(aws)

    def test_since_the_export_was_deleted(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), at=NOW - timedelta(days=3))
        assert "AWS knows no export 'cur'" in self._reason(aws)

    def test_since_it_is_not_healthy(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), at=NOW - timedelta(days=3))
        aws.exports["cur"] = Export("cur", "UNHEALTHY", "INSUFFICIENT_PERMISSION")
        assert "AWS calls the export UNHEALTHY: INSUFFICIENT_PERMISSION" in self._reason(aws)

    def test_since_its_executions_fail(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), at=NOW - timedelta(days=3))
        aws.exports["cur"] = Export("cur", executions=[
            ("DELIVERY_SUCCESS", "", NOW.timestamp() - 300_000),
            ("DELIVERY_FAILURE", "BILL_OWNER_CHANGED", NOW.timestamp() - 90_000),
        ])  # fmt: skip
        assert "its execution of 2026-11-23T11:00:30Z ended in DELIVERY_FAILURE: BILL_OWNER_CHANGED" in self._reason(
            aws
        )

    def test_and_nobody_may_ask_why(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), at=NOW - timedelta(days=3))
        aws.inject("deny", service="bcm-data-exports")
        assert "nothing new has come" in self._reason(aws)
        found = collect(shared_with_bills(aws), LOOKING, LOOK)
        assert any("allow bcm-data-exports:ListExports" in said for said in found.report.partial)
        assert any(one.state is SEEN for one in deliveries(found))


def test_the_permissions_are_those_of_its_calls(aws: LocalAws) -> None:
    deliver(chunk(line("1")), at=NOW - timedelta(days=3))
    aws.exports["cur"] = Export("cur")
    collect(shared_with_bills(aws), LOOKING, LOOK)
    needed = {permission_of("aws", api.replace(".", ":")) for api in aws.calls()}
    assert needed == set(find("aws", "bill_deliveries").permissions) == aws.permissions()


@pytest.mark.parametrize(("action", "permission"), [("ListObjectsV2", "s3:ListBucket"), ("GetObject", "s3:GetObject")])
def test_a_lost_permission_is_named(aws: LocalAws, action: str, permission: str) -> None:
    deliver(chunk(line("1")))
    aws.inject("deny", service="s3", action=action)
    found = collect(shared_with_bills(aws), LOOKING, LOOK)
    check_denied(found)
    assert found.report.permission == permission
    for secret in (ACCESS_KEY, SECRET_KEY):
        assert secret not in f"{found.error!r} {found.report}"


def test_a_bucket_that_is_not_there_is_said(aws: LocalAws) -> None:
    found = collect(shared_with_bills(aws), LOOKING, LOOK)
    assert found.report.outcome is Outcome.FAILED
    assert "NoSuchBucket" in found.report.error


@pytest.mark.parametrize("lost", ["Key", "ETag", "Size", "LastModified"])
def test_a_listing_that_does_not_tell_which_files_there_are_is_read_anew(aws: LocalAws, lost: str) -> None:
    def without(root: ET.Element) -> ET.Element:
        for item in root.iter():
            for field in [one for one in item if one.tag.rpartition("}")[2] == lost]:
                item.remove(field)
        return root

    deliver(chunk(line("1")))
    aws.rewrites["s3.ListObjectsV2"] = without
    found = collect(shared_with_bills(aws), LOOKING, LOOK)
    assert isinstance(found.error, Unavailable | CollectionFailed)
    assert not deliveries(found)


def test_recommendations_are_no_bill(aws: LocalAws) -> None:
    Deliveries().put("exports/cur/metadata/date=2026-11-23/cur-Manifest.json", b'{"dataFiles": []}', WRITTEN)
    found = collect(shared_with_bills(aws), LOOKING, LOOK)
    assert "holds no bill, but recommendations" in found.report.error


def test_an_export_that_is_not_configured_is_said(aws: LocalAws) -> None:
    found = collect(shared_with_bills(aws), "aws/default/nope/bill_deliveries", LOOK)
    assert "aws.bill_exports has no 'nope' of account 'default'" in found.report.error
    assert aws.calls() == {}
