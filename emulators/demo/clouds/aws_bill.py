"""The bill of the demo's AWS as an export of CUR 2.0 has it: by hour and resource, a month a delivery."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from emulators.aws import LocalAws
from emulators.aws.cost import CostLine
from emulators.aws.deliveries import Deliveries, csv_text, gzipped

BUCKET, PREFIX, EXPORT = "demo-bills", "exports", "cur"
_SHARES = 3
"""So many resources bear a line of the seed."""
_DIGITS = Decimal("0.0000000001")
_COLUMNS = (
    "bill_billing_period_start_date",
    "bill_invoice_id",
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
    "pricing_unit",
    "product",
    "product_region_code",
    "product_instance_type",
    "savings_plan_savings_plan_effective_cost",
    "resource_tags",
)


def deliver(aws: LocalAws, lines: Iterable[CostLine], now: datetime) -> Mapping[str, Decimal]:
    """Write a delivery for each month of these lines; gives what each of them bills."""
    bucket = Deliveries(BUCKET, PREFIX)
    months: defaultdict[str, list[CostLine]] = defaultdict(list)
    for line in lines:
        months[f"{line.start.astimezone(UTC):%Y-%m}"].append(line)
    for month, own in months.items():
        rows = [row for line in own for row in _rows(line, _resources(aws, line))]
        half = len(rows) // 2
        chunks = [gzipped(csv_text(part, _COLUMNS)) for part in (rows[:half], rows[half:])]
        bucket.data_export(EXPORT, month, chunks, now)
    return {month: sum((line.unblended for line in own), Decimal(0)) for month, own in months.items()}


def _resources(aws: LocalAws, line: CostLine) -> list[str]:
    """The ids of what a line is of: machines that there are, and names for everything else; none for a tax."""
    if not line.usage_type:
        return [""]
    machines = [
        one.instance_id
        for one in aws.instances.listing(line.account, line.region)
        if one.instance_type == line.instance_type
    ]
    if line.usage_type.startswith("BoxUsage") and machines:
        return machines[:_SHARES]
    kind = line.usage_type.partition(":")[0].lower()
    return [f"{kind}-{line.account[-4:]}-{line.region}-{number}" for number in range(1, _SHARES + 1)]


def _rows(line: CostLine, resources: Sequence[str]) -> Iterator[dict[str, str]]:
    """A row a resource; the parts add up to exactly the line."""
    names = ("unblended", "amortized", "net_unblended", "usage_quantity")
    whole = {name: value for name in names if (value := getattr(line, name)) is not None}
    parts = {name: (value / len(resources)).quantize(_DIGITS) for name, value in whole.items()}
    last = {name: value - (len(resources) - 1) * parts[name] for name, value in whole.items()}
    for number, resource in enumerate(resources, 1):
        share = msgspec.structs.replace(line, **(last if number == len(resources) else parts))
        yield _row(share, resource)


def _row(line: CostLine, resource: str) -> dict[str, str]:
    start, length = line.start.astimezone(UTC), timedelta(hours=1) if line.hourly else timedelta(days=1)
    covered = line.record_type == "SavingsPlanCoveredUsage" and line.amortized is not None
    return {
        "bill_billing_period_start_date": f"{start:%Y-%m-01T00:00:00.000Z}",
        "bill_invoice_id": "" if line.estimated else f"{start:%Y%m}0001",
        "line_item_usage_account_id": line.account,
        "line_item_line_item_type": line.record_type,
        "line_item_usage_start_date": f"{start:%Y-%m-%dT%H:%M:%S.000Z}",
        "line_item_usage_end_date": f"{start + length:%Y-%m-%dT%H:%M:%S.000Z}",
        "line_item_product_code": line.service.replace(" ", ""),
        "line_item_usage_type": line.usage_type,
        "line_item_operation": line.operation,
        "line_item_resource_id": resource,
        "line_item_usage_amount": f"{line.usage_quantity:f}",
        "line_item_currency_code": line.currency,
        "line_item_unblended_cost": f"{line.unblended:f}",
        "line_item_net_unblended_cost": "" if line.net_unblended is None else f"{line.net_unblended:f}",
        "pricing_unit": line.usage_unit,
        "product": json.dumps({"product_name": line.service}),
        "product_region_code": line.region,
        "product_instance_type": line.instance_type,
        "savings_plan_savings_plan_effective_cost": f"{line.amortized:f}" if covered else "",
        "resource_tags": json.dumps({f"user_{key}": value for key, value in line.tags.items()}) if line.tags else "",
    }
