"""Bills of AWS in the local S3, and a configuration that reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from agents.core.context import Shared
from emulators.aws import LocalAws
from emulators.aws.deliveries import Deliveries, csv_text, gzipped
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.target import Window
from tests.support.collecting import Collected
from tests.support.ec2 import NOW, SERVICES, shared

NAME = "cur"
URL = "s3://bills/exports/cur"
LOOKING, READING = f"aws/default/{NAME}/bill_deliveries", f"aws/default/{NAME}/bill_files"
LOOK = Window(NOW.replace(minute=0, second=0) - timedelta(hours=1), NOW.replace(minute=0, second=0))
MONTH = "2026-11"
NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
WRITTEN = NOW.replace(microsecond=0) - timedelta(hours=3)
"""When AWS has written a delivery, unless a test says otherwise."""
COLUMNS = (
    "bill_billing_period_start_date",
    "bill_billing_period_end_date",
    "bill_invoice_id",
    "bill_payer_account_id",
    "line_item_usage_account_id",
    "line_item_usage_account_name",
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_operation",
    "line_item_resource_id",
    "line_item_usage_amount",
    "line_item_currency_code",
    "line_item_unblended_cost",
    "line_item_net_unblended_cost",
    "line_item_line_item_description",
    "pricing_public_on_demand_cost",
    "pricing_term",
    "pricing_unit",
    "product",
    "product_region_code",
    "product_sku",
    "reservation_reservation_a_r_n",
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_a_r_n",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
    "split_line_item_parent_resource_id",
    "split_line_item_split_cost",
    "split_line_item_unused_cost",
    "split_line_item_split_usage",
    "resource_tags",
    "cost_category",
    "discount",
)
"""Of CUR 2.0: those that matter here."""


def shared_with_bills(aws: LocalAws, **section: Any) -> Shared:
    """What the collections of one process share: one export, ``cur``."""
    given = {
        "endpoints": dict.fromkeys({*SERVICES, "bcm-data-exports"}, aws.url),
        "bill_exports": [{"name": NAME, "url": URL}],
    }
    return shared(aws, **{**given, **section})


def line(cost: str, **columns: str) -> dict[str, str]:
    """A line of CUR 2.0: an hour of an instance, unless ``columns`` say otherwise."""
    given = {
        "bill_billing_period_start_date": "2026-11-01T00:00:00.000Z",
        "bill_billing_period_end_date": "2026-12-01T00:00:00.000Z",
        "bill_payer_account_id": "123456789012",
        "line_item_usage_account_id": "210987654321",
        "line_item_line_item_type": "Usage",
        "line_item_usage_start_date": "2026-11-02T05:00:00.000Z",
        "line_item_usage_end_date": "2026-11-02T06:00:00.000Z",
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_type": "BoxUsage:m5.large",
        "line_item_resource_id": "i-0123456789abcdef0",
        "line_item_usage_amount": "1",
        "line_item_currency_code": "USD",
        "line_item_unblended_cost": cost,
        "pricing_term": "OnDemand",
        "pricing_unit": "Hrs",
        "product": '{"product_name":"Amazon Elastic Compute Cloud"}',
        "product_region_code": "us-east-1",
    }
    return {**given, **columns}


def chunk(*lines: dict[str, str], columns: Sequence[str] = COLUMNS, bom: bool = False, members: int = 1) -> bytes:
    """A file of CSV, with gzip."""
    return gzipped(csv_text(lines, columns, bom=bom), members)


def deliver(*chunks: bytes, at: datetime = WRITTEN, month: str = MONTH, **more: Any) -> str:
    """Write the export ``cur`` of a month."""
    return Deliveries().data_export(NAME, month, chunks, at, **more)


def deliveries(collected: Collected) -> list[Delivery]:
    """Those that a collection has told of."""
    return [one for batch in collected.batches for one in batch.deliveries]


def total(lines: Sequence[CostLine]) -> Decimal:
    """What was billed."""
    with localcontext(prec=200):
        return sum((one.billed_cost or Decimal(0) for one in lines), Decimal(0))
