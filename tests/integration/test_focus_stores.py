"""Bills in FOCUS from stores that speak S3's protocol, as Oracle's does, and Azure's, by their credentials."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.core.context import Shared
from agents.testing.collecting import check_collection
from emulators.aws import LocalAws
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.settings import Settings
from telemetry.target import Window
from tests.support.azure_exports import encoded, focus_row
from tests.support.azurite import KEY, running_azurite
from tests.support.collecting import Collected, collect
from tests.support.ec2 import standing_aws
from tests.support.local_aws import aws_client

pytestmark = pytest.mark.timeout(400)
"""The first one installs azurite, which takes a minute or more."""

_NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
_ROW = focus_row("2026-11-02", "1.5", BillingCurrency="USD")
_FILE = "FOCUS Reports/2026/11/03/0001000000000001-00001.csv.gz"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        aws_client(running, "s3").create_bucket(Bucket="tenancy")
        yield running


def _shared(source: dict[str, Any]) -> Shared:
    # Files are as old as the test: they are settled in two hours.
    now = datetime.now(UTC) + timedelta(hours=2)
    return Shared(Settings.model_validate({"focus": {"sources": [{"name": "main", **source}]}}), now=lambda: now)


def _look(shared: Shared) -> Collected:
    hour = Window(_NOVEMBER.start, _NOVEMBER.start + timedelta(hours=1))
    return collect(shared, "focus/default/main/deliveries", hour)


def _deliveries(found: Collected) -> list[Delivery]:
    assert found.error is None, found.error
    return [one for batch in found.batches for one in batch.deliveries]


def _check(source: dict[str, Any]) -> None:
    shared = _shared(source)
    (seen,) = [one for one in _deliveries(_look(shared)) if one.state is DeliveryState.SEEN]
    found = collect(shared, "focus/default/main/files", _NOVEMBER)
    check_collection(found)
    (proof,) = _deliveries(found)
    assert (proof.version, proof.totals) == (seen.version, {"USD": Decimal("1.5")})


def test_a_store_that_is_compatible_with_s3(aws: LocalAws) -> None:
    aws_client(aws, "s3").put_object(Bucket="tenancy", Key=_FILE, Body=encoded([_ROW], list(_ROW), "csv.gz"))
    keys = {"access_key_id": "AKIALOCALAWS", "secret_access_key": "secret/of/the/store"}
    _check({"url": "s3://tenancy/FOCUS Reports", "endpoint": aws.url, "region": "eu-central-1", **keys})


def test_a_bucket_that_may_not_be_read_is_a_gap_without_the_secret(aws: LocalAws) -> None:
    aws.inject("deny", service="s3", action="ListObjectsV2")
    try:
        keys = {"access_key_id": "AKIALOCALAWS", "secret_access_key": "canary/secret"}
        found = _look(_shared({"url": "s3://tenancy/FOCUS Reports", "endpoint": aws.url, **keys}))
    finally:
        aws.faults.clear()
    (missing,) = _deliveries(found)
    assert missing.state is DeliveryState.MISSING
    assert "s3:ListBucket" in missing.reason
    assert found.report.permission == "s3:ListBucket"
    assert "canary" not in str(found.report)


@pytest.mark.xdist_group("azurite")
def test_a_container_by_the_key_of_its_account() -> None:
    with running_azurite() as azurite:
        container = azurite.container()
        container.put("bills/2026-11/part.parquet", encoded([_ROW], list(_ROW), "parquet"))
        _check(
            {
                "url": f"{container.url}/bills",
                "endpoint": azurite.endpoint,
                "account_key": KEY,
                "ca_file": str(azurite.ca_file),
            }
        )
