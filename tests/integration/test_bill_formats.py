"""The same bill in each form that AWS writes: one set of lines comes of it."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from emulators.aws import LocalAws
from emulators.aws.deliveries import Deliveries, csv_text, gzipped, map_of, parquet, zipped
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
)
from tests.support.collecting import Collected, collect
from tests.support.ec2 import standing_aws

_TEXT, _MAP = pa.string(), pa.map_(pa.string(), pa.string())
_TIME = pa.timestamp("ms", "UTC")
_ROWS = [
    line("0.1", resource_tags='{"user_team":"web"}', line_item_net_unblended_cost="0.09"),
    line("0.2", line_item_resource_id="vol-1", line_item_usage_type="EBS:VolumeUsage.gp3", pricing_unit="GB-Mo"),
    line("-0.05", line_item_line_item_type="Credit", line_item_resource_id=""),
    line("0.3", line_item_line_item_type="Tax", line_item_usage_start_date="2026-11-01T00:00:00.000Z",
         line_item_usage_end_date="2026-12-01T00:00:00.000Z", bill_invoice_id="77"),
]  # fmt: skip
_OLDER = {
    "bill_invoice_id": "bill/InvoiceId",
    "bill_billing_period_start_date": "bill/BillingPeriodStartDate",
    "bill_billing_period_end_date": "bill/BillingPeriodEndDate",
    "bill_payer_account_id": "bill/PayerAccountId",
    "line_item_usage_account_id": "lineItem/UsageAccountId",
    "line_item_line_item_type": "lineItem/LineItemType",
    "line_item_usage_start_date": "lineItem/UsageStartDate",
    "line_item_usage_end_date": "lineItem/UsageEndDate",
    "line_item_product_code": "lineItem/ProductCode",
    "line_item_usage_type": "lineItem/UsageType",
    "line_item_resource_id": "lineItem/ResourceId",
    "line_item_usage_amount": "lineItem/UsageAmount",
    "line_item_currency_code": "lineItem/CurrencyCode",
    "line_item_unblended_cost": "lineItem/UnblendedCost",
    "line_item_net_unblended_cost": "lineItem/NetUnblendedCost",
    "pricing_term": "pricing/term",
    "pricing_unit": "pricing/unit",
    "product_region_code": "product/regionCode",
}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _read(aws: LocalAws) -> Collected:
    found = collect(shared_with_bills(aws), READING, NOVEMBER)
    assert found.error is None, found.error
    (delivery,) = deliveries(found)
    assert (delivery.rows_read, delivery.totals) == (len(_ROWS), {"USD": Decimal("0.55")})
    return found


def _lines(found: Collected) -> list[Any]:
    return sorted(found.costs(), key=lambda one: (one.charge_type, one.resource_id))


def _column(name: str) -> tuple[pa.DataType, Any]:
    if name in {"product", "resource_tags", "cost_category", "discount"}:
        return _MAP, map_of
    if name.endswith("_date"):
        return _TIME, datetime.fromisoformat
    number = name.endswith(("_cost", "_amount", "_usage"))
    return (pa.float64(), float) if number else (_TEXT, str)


def _older(row: dict[str, str]) -> dict[str, str]:
    named = {own: row.get(name, "") for name, own in _OLDER.items()}
    tags = {"resourceTags/user:team": "web"} if row.get("resource_tags") else {}
    return {**named, "product/ProductName": "Amazon Elastic Compute Cloud", **tags}


@pytest.fixture
def expected(aws: LocalAws) -> list[Any]:
    deliver(chunk(*_ROWS))
    return _lines(_read(aws))


def test_parquet_with_maps_times_and_floats(aws: LocalAws, expected: list[Any]) -> None:
    body = parquet(_ROWS, {name: _column(name) for name in COLUMNS})
    empty = parquet([], {name: _column(name) for name in COLUMNS})
    deliver(body, empty, ending=".snappy.parquet")
    assert _lines(_read(aws)) == expected


@pytest.mark.parametrize(("ending", "pack"), [(".csv.gz", gzipped), (".csv.zip", zipped)])
def test_a_report_of_the_older_kind(aws: LocalAws, expected: list[Any], ending: str, pack: Any) -> None:
    rows = [_older(row) for row in _ROWS]
    columns = [*_OLDER.values(), "product/ProductName", "resourceTags/user:team"]
    for key in Deliveries().keys("exports/"):
        Deliveries().delete(key)
    parts = [pack(csv_text(rows[:2], columns)), pack(csv_text(rows[2:], columns))]
    Deliveries().cost_and_usage_report("cur", MONTH, parts, WRITTEN, ending=ending, assembly="abc")
    assert _lines(_read(aws)) == expected


def test_a_report_of_the_older_kind_without_a_prefix(aws: LocalAws) -> None:
    """AWS begins its keys with a slash then."""
    rows = [_older(row) for row in _ROWS]
    columns = [*_OLDER.values(), "product/ProductName", "resourceTags/user:team"]
    Deliveries(prefix="").cost_and_usage_report("cur", MONTH, [gzipped(csv_text(rows, columns))], WRITTEN)
    process = shared_with_bills(aws, bill_exports=[{"name": "cur", "url": "s3://bills//cur"}])
    (seen,) = deliveries(collect(process, LOOKING, LOOK))
    found = collect(process, READING, NOVEMBER)
    assert found.error is None, found.error
    (read,) = deliveries(found)
    assert (read.version, read.totals) == (seen.version, {"USD": Decimal("0.55")})


def test_a_report_of_the_older_kind_in_parquet(aws: LocalAws, expected: list[Any]) -> None:
    """Named as CUR 2.0 is, a column for each tag, and in a folder of its own."""
    rows = [
        {**row, "product_product_name": "Amazon Elastic Compute Cloud", "resource_tags_user_team": team}
        for row, team in zip(_ROWS, ("web", "", "", ""), strict=True)
    ]
    names = [*_OLDER, "product_product_name", "resource_tags_user_team"]
    for key in Deliveries().keys("exports/"):
        Deliveries().delete(key)
    body = parquet(rows, {name: _column(name) for name in names})
    Deliveries().cost_and_usage_report("cur", MONTH, [body], WRITTEN, ending=".snappy.parquet")
    assert _lines(_read(aws)) == expected


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_focus(aws: LocalAws, version: str) -> None:
    rows = [
        {
            "BilledCost": row["line_item_unblended_cost"],
            "EffectiveCost": row["line_item_unblended_cost"],
            "BillingCurrency": "USD",
            "ChargePeriodStart": row["line_item_usage_start_date"],
            "ChargePeriodEnd": row["line_item_usage_end_date"],
            "ChargeCategory": {"Tax": "Tax", "Credit": "Credit"}.get(row["line_item_line_item_type"], "Usage"),
            "ServiceName": "Amazon Elastic Compute Cloud",
            "SubAccountId": row["line_item_usage_account_id"],
            "ResourceId": row["line_item_resource_id"],
            "Tags": row.get("resource_tags", ""),
            "x_ServiceCode": "AmazonEC2",
            "x_UsageType": row["line_item_usage_type"],
            **({"InvoiceId": row.get("bill_invoice_id", "")} if version == "1.2" else {}),
        }
        for row in _ROWS
    ]
    deliver(chunk(*rows, columns=list(rows[0])))
    found = _lines(_read(aws))
    assert {one.charge_category for one in found} == {"Usage", "Tax", "Credit"}
    assert {one.details["x_ServiceCode"] for one in found} == {"AmazonEC2"}
    assert sum(one.billed_cost for one in found) == sum(one.effective_cost for one in found) == Decimal("0.55")
