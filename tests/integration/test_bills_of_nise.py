"""Bills that somebody else's generator made, read from the local S3: its sums are ours, to the last digit."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from emulators.aws import LocalAws
from emulators.aws.deliveries import Deliveries
from telemetry.costs import CostLine
from telemetry.target import Window
from tests.support.aws_bills import READING, deliveries, shared_with_bills
from tests.support.collecting import collect
from tests.support.ec2 import NOW, standing_aws

_DATA = Path(__file__).parents[1] / "data" / "bills" / "aws_nise"
_MONTHS = ("2026-08", "2026-09", "2026-10")
_VERSIONS = (1, 2, 3)
_TAGS = ("team", "environment", "openshift_cluster")
Row = dict[str, str]

_CUTS: dict[str, tuple[Callable[[Row], Any], Callable[[CostLine], Any]]] = {
    "currency": (lambda row: row["lineItem/CurrencyCode"], lambda line: line.currency),
    "service": (lambda row: row["product/ProductName"], lambda line: line.service_name),
    "account": (lambda row: row["lineItem/UsageAccountId"], lambda line: line.sub_account_id),
    "resource": (lambda row: row["lineItem/ResourceId"], lambda line: line.resource_id),
    "kind": (lambda row: row["lineItem/LineItemType"], lambda line: line.charge_type),
    "region": (lambda row: row["product/region"], lambda line: line.region_id),
    "day": (lambda row: row["lineItem/UsageStartDate"][:10], lambda line: f"{line.start:%Y-%m-%d}"),
    "tags": (
        lambda row: tuple(row.get(f"resourceTags/user:{tag}", "") for tag in _TAGS),
        lambda line: tuple(line.tags.get(tag, "") for tag in _TAGS),
    ),
}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _rows(month: str, version: int) -> list[Row]:
    with gzip.open(_DATA / f"{month}.v{version}.csv.gz", "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def _sums(amounts: Iterable[tuple[Any, Decimal]]) -> dict[Any, Decimal]:
    found: defaultdict[Any, Decimal] = defaultdict(Decimal)
    with localcontext(prec=200):
        for key, amount in amounts:
            found[key] += amount
    return dict(found)


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("month", _MONTHS)
def test_every_total_is_the_generators(aws: LocalAws, month: str, version: int) -> None:
    """Version after version in one folder, as AWS restates a month."""
    rows = _rows(month, version)
    body = (_DATA / f"{month}.v{version}.csv.gz").read_bytes()
    written = NOW - timedelta(days=9 - version)
    Deliveries().cost_and_usage_report("cur", month, [body], written, assembly=f"0000-{version}")
    start = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
    window = Window(start, (start + timedelta(days=32)).replace(day=1))
    found = collect(shared_with_bills(aws), READING, window)
    assert found.error is None, found.error
    (delivery,) = deliveries(found)
    assert delivery.rows_read == len(rows) == sum(line.lines for line in found.costs())
    assert delivery.submitted_at == written.replace(microsecond=0)
    for name, (of_row, of_line) in _CUTS.items():
        billed = _sums((of_line(line), line.billed_cost or Decimal(0)) for line in found.costs())
        assert billed == _sums((of_row(row), Decimal(row["lineItem/UnblendedCost"])) for row in rows), name
        used = _sums((of_line(line), line.quantity) for line in found.costs() if line.quantity is not None)
        usage = (row for row in rows if row["lineItem/LineItemType"] in {"Usage", "SavingsPlanCoveredUsage"})
        assert used == _sums((of_row(row), Decimal(row["lineItem/UsageAmount"])) for row in usage), name
    covered = [line for line in found.costs() if line.charge_type == "SavingsPlanCoveredUsage"]
    of_plans = (row for row in rows if row["lineItem/LineItemType"] == "SavingsPlanCoveredUsage")
    assert _sums(("", line.effective_cost or Decimal(0)) for line in covered) == _sums(
        ("", Decimal(row["savingsPlan/SavingsPlanEffectiveCost"])) for row in of_plans
    )


def test_the_versions_are_of_different_bills() -> None:
    sums = [_sums(("", Decimal(row["lineItem/UnblendedCost"])) for row in _rows("2026-09", one)) for one in _VERSIONS]
    assert len({one[""] for one in sums}) == len(_VERSIONS)
