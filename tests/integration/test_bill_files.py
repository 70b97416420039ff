"""The bill as AWS has written it into the local S3: whole or not at all, and to the last digit."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agents.core.permissions import permission_of
from agents.core.service import find
from agents.testing.collecting import check_collection, check_denied, check_estimate
from emulators.aws import LocalAws
from emulators.aws.deliveries import Deliveries, csv_text, zipped
from telemetry.batch import Outcome
from telemetry.costs import CostLine
from telemetry.deliveries import DeliveryState
from telemetry.target import Window
from tests.support.aws_bills import (
    COLUMNS,
    LOOK,
    LOOKING,
    MONTH,
    NOVEMBER,
    READING,
    WRITTEN,
    chunk,
    deliver,
    deliveries,
    line,
    shared_with_bills,
    total,
)
from tests.support.collecting import Collected, collect
from tests.support.ec2 import NOW, standing_aws

DATA = f"exports/cur/data/BILLING_PERIOD={MONTH}"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _read(aws: LocalAws, **section: object) -> Collected:
    found = collect(shared_with_bills(aws, **section), READING, NOVEMBER)
    if found.error is None:
        check_collection(found)
    return found


def _proven(found: Collected) -> tuple[int | None, dict[str, Decimal]]:
    (one,) = deliveries(found)
    assert one.state is DeliveryState.READ
    assert found.batches[-1].deliveries == [one], "it comes last"
    assert one.bytes_read == sum(file.size or 0 for file in one.files)
    assert all(file.etag for file in one.files)
    assert one.totals == ({"USD": total(found.costs(""))} if one.rows_read else {})
    return one.rows_read, one.totals


def _by_resource(lines: list[CostLine]) -> dict[str, Decimal | None]:
    return {one.resource_id: one.billed_cost for one in lines}


def test_hours_of_a_resource_are_a_line_of_its_day(aws: LocalAws) -> None:
    hours = [
        line(
            f"0.0{hour}",
            line_item_usage_start_date=f"2026-11-02T{hour:02d}:00:00.000Z",
            line_item_usage_end_date=f"2026-11-02T{hour + 1:02d}:00:00.000Z",
            resource_tags='{"user_team":"web","user_empty":"","aws_created_by":"x"}',
        )
        for hour in range(5)
    ]
    deliver(chunk(*hours[:3]), chunk(*hours[3:], line("5", line_item_resource_id="vol-1")))
    found = _read(aws)
    assert _proven(found) == (6, {"USD": Decimal("5.1")})
    one, other = sorted(found.costs(), key=lambda found: found.resource_id)
    assert (one.start, one.end) == (datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))
    assert (one.lines, one.billed_cost, one.effective_cost, one.quantity) == (
        5,
        Decimal("0.1"),
        Decimal("0.1"),
        Decimal(5),
    )
    assert (one.billing_period_start, one.billing_period_end) == (NOVEMBER.start, NOVEMBER.end)
    assert (one.sub_account_id, one.service_name, one.region_id, one.currency) == (
        "210987654321", "Amazon Elastic Compute Cloud", "us-east-1", "USD",
    )  # fmt: skip
    assert (one.charge_type, one.charge_category, one.unit, one.pricing_category) == (
        "Usage",
        "Usage",
        "Hrs",
        "Standard",
    )
    assert (one.tags, one.estimated, one.breakdown) == ({"team": "web", "aws_created_by": "x"}, True, "")
    assert other.resource_id == "vol-1"
    hourly = _read(aws, bill_exports=[{"name": "cur", "url": "s3://bills/exports/cur", "granularity": "hourly"}])
    assert len([one for one in hourly.costs() if one.resource_id != "vol-1"]) == 5
    assert total(hourly.costs()) == total(found.costs())


def test_the_version_that_is_read_is_the_one_that_was_seen(aws: LocalAws) -> None:
    deliver(chunk(line("1")), at=WRITTEN - timedelta(hours=9), create_new=True)
    deliver(chunk(line("2")), create_new=True)
    process = shared_with_bills(aws)
    (seen,), read = deliveries(collect(process, LOOKING, LOOK)), collect(process, READING, NOVEMBER)
    (one,) = deliveries(read)
    assert (one.version, one.submitted_at) == (seen.version, seen.submitted_at)
    assert [file.name for file in one.files] == [file.name for file in seen.files]
    assert total(read.costs()) == 2
    check_estimate(read, 0, exactly=False)
    needed = {permission_of("aws", api) for api in find("aws", "bill_files").permissions}
    assert {permission_of("aws", api.replace(".", ":")) for api in read.calls} == needed


class TestWhatAReaderHasToSurvive:
    """The traps of docs/bills/aws.md."""

    def test_a_delivery_that_shrinks_leaves_files_that_are_none_of_it(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), chunk(line("10")), chunk(line("100")), at=WRITTEN - timedelta(hours=9))
        deliver(chunk(line("2")))
        assert len(Deliveries().keys(DATA)) == 3
        assert _proven(_read(aws)) == (1, {"USD": Decimal(2)})

    def test_the_next_version_is_under_way(self, aws: LocalAws) -> None:
        """Its files overwrite those of the manifest that still lies there: two versions in one are none."""
        deliver(chunk(line("1")), chunk(line("10")), at=WRITTEN - timedelta(hours=9))
        deliver(chunk(line("2")), manifest=False)
        found = _read(aws)
        assert found.report.outcome is Outcome.FAILED
        assert found.error is not None
        assert found.error.transient
        assert "newer than the manifest" in found.report.error
        assert not found.costs()
        deliver(chunk(line("2")), chunk(line("20")))
        assert _proven(_read(aws)) == (2, {"USD": Decimal(22)})

    def test_a_file_is_replaced_between_its_head_and_its_reading(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), chunk(line("10")))
        key = f"{DATA}/cur-00002.csv.gz"
        aws.before_get[f"bills/{key}"] = lambda: Deliveries().put(key, chunk(line("20")), NOW)
        found = _read(aws)
        assert found.error is not None
        assert found.error.transient
        assert "it was replaced while it was read" in found.report.error
        assert not found.costs()

    def test_a_file_is_deleted_between_its_head_and_its_reading(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")))
        key = f"{DATA}/cur-00001.csv.gz"
        aws.before_get[f"bills/{key}"] = lambda: Deliveries().delete(key)
        found = _read(aws)
        assert found.error is not None
        assert found.error.transient
        assert "it was deleted while it was read" in found.report.error

    def test_a_file_is_missing(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")), chunk(line("10")))
        Deliveries().delete(f"{DATA}/cur-00001.csv.gz")
        found = _read(aws)
        assert found.error is not None
        assert found.error.transient
        assert f"s3://bills/{DATA}/cur-00001.csv.gz: the manifest names it, and it is not there" in found.report.error

    @pytest.mark.parametrize("ending", [".csv.gz", ".csv.zip", ".snappy.parquet"])
    def test_a_file_is_torn(self, aws: LocalAws, ending: str) -> None:
        bodies = {".csv.gz": chunk(*[line(str(n)) for n in range(50)])[:-20]}
        body = bodies.get(ending, zipped(csv_text([line("1")], COLUMNS))[:-30])
        deliver(body, ending=ending)
        found = _read(aws)
        assert found.report.outcome is Outcome.FAILED
        assert "cur-00001" in found.report.error
        assert not found.costs()

    def test_the_same_manifest_twice(self, aws: LocalAws) -> None:
        deliver(chunk(line("1")))
        process = shared_with_bills(aws)
        first, again = (collect(process, READING, NOVEMBER) for _ in range(2))
        assert deliveries(first) == deliveries(again)
        assert first.costs() == again.costs()

    def test_a_delivery_of_nothing_is_complete_and_empty(self, aws: LocalAws) -> None:
        deliver()
        found = _read(aws)
        assert _proven(found) == (0, {})
        deliver(chunk(), at=WRITTEN + timedelta(hours=1))
        assert _proven(_read(aws)) == (0, {})
        deliver(gzip.compress(b""), at=WRITTEN + timedelta(hours=2))
        assert _proven(_read(aws)) == (0, {})

    @pytest.mark.parametrize(("bom", "members"), [(True, 1), (False, 7), (True, 3)])
    def test_marks_of_bytes_members_of_gzip_and_headers_in_each_file(
        self, aws: LocalAws, bom: bool, members: int
    ) -> None:
        rows = [line(str(n), line_item_line_item_description='a "b", c\nd') for n in range(40)]
        deliver(*(chunk(*rows[n : n + 10], bom=bom, members=members) for n in range(0, 40, 10)))
        found = _read(aws)
        assert _proven(found) == (40, {"USD": Decimal(sum(range(40)))})
        assert {one.charge_description for one in found.costs()} == {'a "b", c\nd'}

    def test_columns_come_go_and_change_places(self, aws: LocalAws) -> None:
        few = [name for name in COLUMNS if not name.startswith(("savings", "reservation", "split", "discount"))]
        rows = (line("1"), line("2", line_item_resource_id="a"), line("4", line_item_resource_id="b"))
        deliver(
            chunk(rows[0]),
            chunk(rows[1], columns=sorted(few, reverse=True)),
            chunk({**rows[2], "new_column": "x"}, columns=[*reversed(COLUMNS), "new_column"]),
        )
        found = _read(aws)
        assert _proven(found) == (3, {"USD": Decimal(7)})
        assert _by_resource(found.costs()) == {"i-0123456789abcdef0": 1, "a": 2, "b": 4}

    def test_digits_survive(self, aws: LocalAws) -> None:
        costs = ["0.12345678901234567890123456789", "1E-7", "-0.00000000000000000000000001", "12345678901234567890.5"]
        deliver(chunk(*(line(cost) for cost in costs)))
        found = _read(aws)
        assert _proven(found)[1]["USD"] == Decimal("12345678901234567890.62345688901234567890123455789")

    def test_times_without_a_zone_are_of_utc_and_spellings_of_ids_stay(self, aws: LocalAws) -> None:
        deliver(chunk(line("1", line_item_usage_start_date="2026-11-02 05:00:00", line_item_usage_end_date="",
                           line_item_resource_id="arn:aws:s3:::Mixed-Case")))  # fmt: skip
        (one,) = _read(aws).costs()
        assert (one.start, one.resource_id) == (datetime(2026, 11, 2, tzinfo=UTC), "arn:aws:s3:::Mixed-Case")

    def test_a_closed_month_is_corrected(self, aws: LocalAws) -> None:
        october = Window(datetime(2026, 10, 1, tzinfo=UTC), NOVEMBER.start)
        hour = {
            "line_item_usage_start_date": "2026-10-02T05:00:00Z",
            "line_item_usage_end_date": "2026-10-02T06:00:00Z",
        }
        process = shared_with_bills(aws)
        deliver(chunk(line("1", **hour)), month="2026-10", at=WRITTEN - timedelta(days=22))
        first = collect(process, READING, october)
        refund = line("-0.25", **hour, line_item_line_item_type="Refund", bill_bill_type="Refund")
        deliver(chunk(line("1", **hour, bill_invoice_id="77"), refund), month="2026-10", at=WRITTEN - timedelta(days=2))
        again = collect(process, READING, october)
        assert deliveries(first)[0].version != deliveries(again)[0].version
        assert (total(first.costs()), total(again.costs())) == (Decimal(1), Decimal("0.75"))
        assert {one.charge_type: one.charge_category for one in again.costs()} == {
            "Usage": "Usage",
            "Refund": "Adjustment",
        }
        assert {one.charge_type: one.estimated for one in again.costs()} == {"Usage": False, "Refund": True}

    def test_the_export_is_gone(self, aws: LocalAws) -> None:
        Deliveries()
        found = _read(aws)
        assert found.report.outcome is Outcome.FAILED
        assert "there is no manifest of 2026-11 any more" in found.report.error

    @pytest.mark.parametrize(
        ("action", "resource", "permission"),
        [
            ("ListObjectsV2", "*", "s3:ListBucket"),
            ("GetObject", "*", "s3:GetObject"),
            ("HeadObject", "*", "s3:GetObject"),
            ("GetObject", f"bills/{DATA}/cur-00001.csv.gz", "s3:GetObject"),
        ],
    )
    def test_a_permission_is_lost(self, aws: LocalAws, action: str, resource: str, permission: str) -> None:
        deliver(chunk(line("1")))
        aws.inject("deny", service="s3", action=action, resource=resource)
        found = _read(aws)
        check_denied(found)
        assert found.report.permission == permission
        assert not found.costs()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["recommendation_id", "resource_arn"], "recommendations, and no bill"),
        (["a", "b"], "neither line_item_unblended_cost (CUR) nor BilledCost (FOCUS)"),
        ([one for one in COLUMNS if one != "line_item_currency_code"], "the column line_item_currency_code is not"),
    ],
)
def test_what_is_no_bill_is_said_in_words(aws: LocalAws, columns: list[str], said: str) -> None:
    deliver(chunk(line("1"), columns=columns))
    found = _read(aws)
    assert found.report.outcome is Outcome.FAILED
    assert said in found.report.error
