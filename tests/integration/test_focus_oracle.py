"""Oracle's own reports: in the folders that it writes them to, by the S3-compatible address of its object storage."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from moto.s3.models import s3_backends

from agents.core.context import Shared
from agents.testing.collecting import check_collection
from emulators.aws import LocalAws
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.settings import Settings
from telemetry.target import Window
from tests.support.bill_sums import DATA
from tests.support.collecting import Collected, collect
from tests.support.ec2 import standing_aws
from tests.support.named_hosts import named

_REGION = "eu-frankfurt-1"
_HOST = f"bling.compat.objectstorage.{_REGION}.oraclecloud.com"
_TENANCY = "ocid1.tenancy.oc1..aaaaexample"
_OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
_NOVEMBER = Window(_OCTOBER.end, datetime(2026, 12, 1, tzinfo=UTC))


@dataclass
class Oracle:
    """Its object storage, as far as it is S3."""

    aws: LocalAws
    shared: Shared
    asked: list[str] = field(default_factory=list)

    def put(self, day: str) -> None:
        """Write the report of a day into the folder of that day."""
        body = gzip.compress((DATA / "oracle" / f"{day}.csv").read_bytes())
        key = f"FOCUS Reports/{day.replace('-', '/')}/{day.replace('-', '')}0000001-00001.csv.gz"
        s3_backends[DEFAULT_ACCOUNT]["aws"].put_object(_TENANCY, key, body)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Oracle]:
    asked: list[str] = []
    with standing_aws() as aws, named(_HOST, int(aws.url.rpartition(":")[2]), asked) as (proxy, ca_file):
        # A tenancy's name is none that S3 itself would take.
        s3_backends[DEFAULT_ACCOUNT]["aws"].create_bucket(_TENANCY, "us-east-1")
        aws.regions.opted_in.add(_REGION)
        monkeypatch.setenv("MOTO_S3_CUSTOM_ENDPOINTS", f"https://{_HOST}")
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        source = {
            "name": "oracle",
            "url": f"s3://{_TENANCY}/FOCUS Reports",
            "endpoint": f"https://{_HOST}",
            "region": _REGION,
            "access_key_id": "AKIALOCALAWS",
            "secret_access_key": "canary/secret",
            "ca_file": str(ca_file),
        }
        settings = Settings.model_validate({"focus": {"sources": [source]}})
        # Files are as old as the test: they are settled in two hours.
        shared = Shared(settings, now=lambda: datetime.now(UTC) + timedelta(hours=2))
        yield Oracle(aws, shared, asked)
    del s3_backends[DEFAULT_ACCOUNT]["aws"].buckets[_TENANCY]


def _look(oracle: Oracle) -> dict[datetime, str]:
    hour = Window(_NOVEMBER.start, _NOVEMBER.start + timedelta(hours=1))
    found = _deliveries(collect(oracle.shared, "focus/default/oracle/deliveries", hour))
    return {one.period_start: one.version for one in found if one.state is DeliveryState.SEEN}


def _read(oracle: Oracle, window: Window) -> Collected:
    found = collect(oracle.shared, "focus/default/oracle/files", window)
    check_collection(found)
    return found


def _deliveries(found: Collected) -> list[Delivery]:
    assert found.error is None, found.error
    return [one for batch in found.batches for one in batch.deliveries]


def test_reports_of_every_few_hours_by_the_address_of_oracle(oracle: Oracle) -> None:
    for day in ("2026-11-01", "2026-11-02"):
        oracle.put(day)
    before = _look(oracle)
    assert before.keys() == {_OCTOBER.start, _NOVEMBER.start}
    assert set(oracle.asked) == {f"{_HOST}:443"}
    november = _read(oracle, _NOVEMBER)
    (proof,) = _deliveries(november)
    assert proof.totals == {"EUR": Decimal("0.12700000000000000001")}
    (compute,) = [line for line in november.costs() if line.start.day == 2 and line.service_name == "COMPUTE"]
    assert (compute.lines, compute.quantity, compute.unit) == (2, Decimal(3), "OCPU_HOURS")
    assert (compute.region_id, compute.tags["team"]) == (_REGION, "search")
    assert compute.details["oci_CompartmentName"] == "prod"
    assert compute.amounts["oci_AttributedUsage"] == 3
    (storage,) = [line for line in november.costs() if line.service_name == "OBJECTSTORAGE"]
    assert {name: storage.amounts[name] for name in ("oci_CostOverage", "oci_BilledQuantityOverage")} == {
        "oci_CostOverage": Decimal("0.004"),
        "oci_BilledQuantityOverage": Decimal(4),
    }

    oracle.put("2026-11-09")  # which corrects a line of October

    after = _look(oracle)
    assert (after[_NOVEMBER.start], after[_OCTOBER.start] != before[_OCTOBER.start]) == (before[_NOVEMBER.start], True)
    october = _read(oracle, _OCTOBER)
    (proof,) = _deliveries(october)
    assert proof.totals == {"EUR": Decimal("0.0234000000001")}
    assert "canary" not in str(october.report)
