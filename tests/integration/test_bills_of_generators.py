"""Bills that others' generators made (koku's nise, the FOCUS data toolkit): every sum is theirs, to the last digit."""

import ast
import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.core.context import Shared
from agents.core.meter import Meter
from emulators.gcp import LocalGcp
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.settings import Settings
from telemetry.target import Target, Window
from tests.support import azure as azures
from tests.support import gcp as gcps
from tests.support.azure_exports import deliver
from tests.support.azurite import Azurite, running_azurite
from tests.support.bill_sums import DATA, Cuts, check_sums, recorded, sums
from tests.support.collecting import collect
from workers.bill_import import Import, _records

pytestmark = pytest.mark.timeout(400)
"""The first one installs azurite, which takes a minute or more."""

_MONTHS = ("2026-08", "2026-09", "2026-10")
_FOCUS: Cuts = {
    "service": (lambda row: row["ServiceName"], lambda line: line.service_name),
    "account": (lambda row: row["SubAccountId"], lambda line: line.sub_account_id),
    "resource": (lambda row: row["ResourceId"].lower(), lambda line: line.resource_id.lower()),
    "region": (lambda row: row["RegionId"], lambda line: line.region_id),
    "category": (lambda row: row["ChargeCategory"], lambda line: line.charge_category),
    "class": (lambda row: row["ChargeClass"], lambda line: line.charge_class),
    "day": (lambda row: row["ChargePeriodStart"][:10], lambda line: f"{line.start:%Y-%m-%d}"),
    "invoice": (lambda row: row["InvoiceId"], lambda line: line.invoice_id),
    "commitment": (lambda row: row["CommitmentDiscountId"], lambda line: line.commitment_discount_id),
    "tags": (lambda row: _tags(row["Tags"]), lambda line: tuple(sorted(line.tags.items()))),
}
_AZURE: Cuts = {
    "service": (lambda row: row["MeterCategory"], lambda line: line.service_name),
    "account": (lambda row: row["SubscriptionId"], lambda line: line.sub_account_id),
    "resource": (lambda row: row["ResourceId"].lower(), lambda line: line.resource_id),
    "day": (lambda row: row["Date"][:10], lambda line: f"{line.start:%Y-%m-%d}"),
    "kind": (lambda row: row["ChargeType"], lambda line: line.charge_type),
    "tags": (lambda row: _tags(row["Tags"]), lambda line: tuple(sorted(line.tags.items()))),
}
_GCP: Cuts = {
    "service": (lambda row: row["service.description"], lambda line: line.service_name),
    "account": (lambda row: row["project.id"], lambda line: line.sub_account_id),
    "resource": (lambda row: row["resource.global_name"], lambda line: line.resource_id),
    "sku": (lambda row: row["sku.id"], lambda line: line.sku_id),
    "region": (lambda row: row["location.region"], lambda line: line.region_id),
    "day": (lambda row: row["usage_start_time"][:10], lambda line: f"{line.start:%Y-%m-%d}"),
    "month": (lambda row: row["invoice.month"], lambda line: f"{line.billing_period_start:%Y%m}"),
    "tags": (
        lambda row: tuple(sorted((one["key"], one["value"]) for one in _listed(row["labels"]))),
        lambda line: tuple(sorted(line.tags.items())),
    ),
}


def _tags(text: str) -> tuple[tuple[str, str], ...]:
    try:
        found = json.loads(text)
    except ValueError:
        return ()
    if not isinstance(found, dict):
        return ()
    return tuple(sorted((key, value if isinstance(value, str) else json.dumps(value)) for key, value in found.items()))


def _listed(text: str) -> list[dict[str, Any]]:
    """JSON, or as Python prints it: nise writes both."""
    try:
        found: Any = json.loads(text or "[]")
    except ValueError:
        found = ast.literal_eval(text)
    return list(found)


def _window(month: str) -> Window:
    start = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
    return Window(start, (start + timedelta(days=31)).replace(day=1))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("provider", ["aws", "azure", "gcp"])
@pytest.mark.parametrize("granularity", ["daily", "hourly"])
def test_focus_of_the_toolkit(tmp_path: Path, provider: str, version: str, granularity: str) -> None:
    name = f"focus_toolkit/{provider}-{version}.csv.gz"
    rows = recorded(name)
    month = rows[0]["BillingPeriodStart"][:7]
    now = _window(month).end + timedelta(days=2)
    path = tmp_path / "bill.csv.gz"
    path.write_bytes((DATA / name).read_bytes())
    os.utime(path, ((now - timedelta(hours=3)).timestamp(),) * 2)
    source = {"name": "main", "url": f"file://{tmp_path}", "granularity": granularity}
    shared = Shared(Settings.model_validate({"focus": {"sources": [source]}}), now=lambda: now)

    found = collect(shared, "focus/default/main/files", _window(month))

    assert found.error is None, found.error
    for column, amount in (("billed_cost", "BilledCost"), ("effective_cost", "EffectiveCost")):
        check_sums(rows, found.costs(), _FOCUS, amount, column)
    (proof,) = [one for batch in found.batches for one in batch.deliveries]
    assert proof.rows_read == len(rows)
    assert proof.totals == sums((row["BillingCurrency"], Decimal(row["BilledCost"])) for row in rows)


@pytest.fixture(scope="module")
def azurite() -> Iterator[Azurite]:
    with running_azurite() as running:
        yield running


@pytest.mark.parametrize("form", ["csv.gz", "parquet"])
def test_three_months_of_azure_restated_twice(azurite: Azurite, form: Any) -> None:
    container = azurite.container()
    given = azures.settings(
        azurite.azure,
        ca_file=str(azurite.ca_file),
        endpoints={**azurite.azure.endpoints, "storage": azurite.endpoint},
        bill_exports=[{"name": "main", "url": f"{container.url}/root"}],
    )
    shared = Shared(given, now=lambda: azures.NOW)
    versions = set()
    for version in (1, 2, 3):
        for month in _MONTHS:
            rows = recorded(f"azure_nise/{month}.v{version}.csv.gz")
            parts = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
            submitted = f"2026-11-0{version}T08:00:00.0000001Z"
            deliver(container, parts, month=month, kind="ActualCost", form=form, submitted=submitted)

            found = collect(shared, "azure/default/main/bill_files", _window(month))

            assert found.error is None, found.error
            check_sums(rows, found.costs(), _AZURE, "CostInBillingCurrency", "billed_cost")
            (proof,) = [one for batch in found.batches for one in batch.deliveries]
            assert proof.rows_read == len(rows)
            versions.add(proof.version)
    assert len(versions) == 9


def test_an_account_of_azure_reads_a_bill_that_a_person_brings(azurite: Azurite) -> None:
    container = azurite.container()
    rows = recorded("azure_nise/2026-10.v1.csv.gz")
    key = deliver(container, [rows], month="2026-10", kind="AmortizedCost", form="csv.gz")
    endpoints = {**azurite.azure.endpoints, "storage": azurite.endpoint}
    given = azures.settings(azurite.azure, ca_file=str(azurite.ca_file), endpoints=endpoints)
    target = Target("azure", "default", "import", "bill_files")
    for url in (f"{container.url}/root/", f"{container.url}/{key}"):
        *lines, proof = _records(given, Import((url,), target, _window("2026-10")), azures.NOW, Meter())
        assert isinstance(proof, Delivery)
        assert proof.rows_read == len(rows)
        check_sums(
            rows, [one for one in lines if isinstance(one, CostLine)], _AZURE, "CostInBillingCurrency", "effective_cost"
        )


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with gcps.standing_gcp() as running:
        yield running


def test_three_months_of_google(gcp: LocalGcp) -> None:
    table = f"{gcps.PROJECT}.billing.gcp_billing_export_resource_v1_0123AB_4567CD_89EF01"
    rows = {month: recorded(f"gcp_nise/{month}.csv.gz") for month in _MONTHS}
    for month in _MONTHS:
        gcp.billing_export.load(table, map(_google, rows[month]))
    shared = gcps.shared(gcp, bill_tables=[{"name": "main", "table": table}])
    for month in _MONTHS:
        found = collect(shared, "gcp/default/main/bill_tables", _window(month))
        assert found.error is None, found.error
        check_sums(rows[month], found.costs(), _GCP, "cost", "billed_cost")


def _google(row: dict[str, str]) -> dict[str, Any]:
    """A row of nise's CSV, whose names have the dots of records, as BigQuery has it."""
    made: dict[str, Any] = {}
    for name, text in row.items():
        if name in {"partition_date", "project.labels", "project.ancestry_numbers"} or not text:
            continue
        outer, _, inner = name.partition(".")
        value: Any = text
        if name in {"labels", "system_labels", "credits"}:
            value = _listed(text)
        elif name.endswith("_time"):
            value = datetime.fromisoformat(text).replace(tzinfo=UTC)
        elif name in {"cost", "currency_conversion_rate", "usage.amount", "usage.amount_in_pricing_units"}:
            value = float(text)
        if inner:
            made.setdefault(outer, {})[inner] = value
        else:
            made[outer] = value
    return made


def test_what_is_recorded_is_small() -> None:
    """Each is a piece of what the generators make, and none of it is a secret."""
    for path in DATA.rglob("*.csv.gz"):
        assert path.stat().st_size < 40_000
        assert gzip.decompress(path.read_bytes())
