"""Exports of Cost Management in Microsoft's own local storage: seen by their manifests, read whole, proven."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest

from agents.azure.bill_exports import look, open_export, pin
from agents.azure.bill_layouts import layout_of
from agents.azure.settings import BillExport
from agents.core.bills.proving import read_delivery
from agents.core.bills.ranges import HEAD
from agents.core.bills.stores import Changed
from agents.core.collection import find_account
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from agents.testing.collecting import check_collection, check_estimate
from telemetry.batch import Outcome
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import CollectionFailed
from telemetry.target import Target, Window
from tests.support.azure import NOW, settings
from tests.support.azure_exports import SCOPE, Form, deliver, encoded, focus_row
from tests.support.azurite import Azurite, Container, running_azurite
from tests.support.collecting import Collected, collect
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("azurite")]
"""The first one installs azurite, which takes a minute or more."""

NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), NOVEMBER.start)
VM = f"{SCOPE}/resourcegroups/web/providers/microsoft.compute/virtualmachines/vm-1"


@pytest.fixture(scope="module")
def azurite() -> Iterator[Azurite]:
    with running_azurite() as running:
        yield running


@pytest.fixture
def container(azurite: Azurite) -> Container:
    return azurite.container()


def _shared(container: Container, endpoints: dict[str, str] | None = None, **export: Any) -> Shared:
    azurite = container.azurite
    given = settings(
        azurite.azure,
        ca_file=str(azurite.ca_file),
        endpoints=endpoints or {**azurite.azure.endpoints, "storage": azurite.endpoint},
        bill_exports=[{"name": "main", "url": f"{container.url}/root", **export}],
    )
    return Shared(given, now=lambda: NOW)


def _look(context: Shared) -> Collected:
    return collect(context, "azure/default/main/bill_deliveries", Window(NOW - timedelta(hours=1), NOW))


def _read(context: Shared, window: Window = NOVEMBER) -> Collected:
    return collect(context, "azure/default/main/bill_files", window)


def _deliveries(found: Collected) -> list[Delivery]:
    assert found.error is None, found.error
    return [one for batch in found.batches for one in batch.deliveries]


def _proof(found: Collected) -> Delivery:
    (proof,) = _deliveries(found)
    assert proof.state is DeliveryState.READ
    assert found.records[-1] is proof, "the last of all"
    return proof


@pytest.mark.parametrize("form", get_args(Form))
def test_what_is_seen_is_what_is_read_afterwards(container: Container, form: Form) -> None:
    parts = [
        [focus_row("2026-11-02", "0.1"), focus_row("2026-11-02", "0.2")],
        [focus_row("2026-11-03", "12.000000000000000001")],
    ]
    deliver(container, parts, form=form)
    deliver(container, [[focus_row("2026-10-02", "7")]], month="2026-10", form=form)
    context = _shared(container)

    october, november = _deliveries(_look(context))

    assert (october.state, october.period_start, october.period_end) == (DeliveryState.SEEN, OCTOBER.start, OCTOBER.end)
    assert november.submitted_at == datetime(2026, 11, 24, 8, 10, 31, 704739, tzinfo=UTC)
    assert [one.rows for one in november.files] == [2, 1]
    found = _read(context)
    check_collection(found)
    proof = _proof(found)
    assert (proof.version, proof.rows_read) == (november.version, 3)
    assert proof.totals == {"EUR": Decimal("12.300000000000000001")}
    assert sum((line.billed_cost or 0 for line in found.costs()), Decimal(0)) == proof.totals["EUR"]
    assert _proof(_read(context, OCTOBER)).totals == {"EUR": Decimal(7)}


def test_a_line_is_whole_and_folded_by_days(container: Container) -> None:
    deliver(container, [[focus_row("2026-11-02", "0.1"), focus_row("2026-11-02", "0.2")]])
    (line,) = _read(_shared(container)).costs()
    assert (line.start, line.end) == (datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))
    assert (line.billing_period_start, line.billing_period_end) == (NOVEMBER.start, NOVEMBER.end)
    assert (line.billed_cost, line.list_cost, line.quantity, line.lines) == (
        Decimal("0.3"),
        Decimal("0.3"),
        Decimal(48),
        2,
    )
    assert (line.resource_id, line.service_name, line.tags) == (VM, "Virtual Machines", {"team": "search"})
    assert line.details["x_ResourceGroupName"] == "web"


def test_the_run_that_was_submitted_last_counts_wherever_it_lies(container: Container) -> None:
    newest = (
        "2026-11-24T08:10:31.7047395"  # a ten-millionth later is the same in microseconds; without a zone it is UTC
    )
    deliver(container, [[focus_row("2026-11-02", "1")]], submitted="2026-11-24T08:10:30.9999999Z")
    deliver(container, [[focus_row("2026-11-02", "2")]], submitted=newest, folder="root/elsewhere/below")
    deliver(container, [[focus_row("2026-11-02", "3")]], submitted="2026-11-23T09:10:31+02:00")
    context = _shared(container)
    (seen,) = _deliveries(_look(context))
    proof = _proof(_read(context))
    assert (proof.version, proof.totals) == (seen.version, {"EUR": Decimal(2)})


def test_nothing_is_fetched_twice(container: Container) -> None:
    for day in range(1, 6):
        deliver(container, [[focus_row("2026-11-02", "1")]], submitted=f"2026-11-{day + 19}T08:00:00Z")
    container.put("root/elsewhere/manifest.json", b"{}")
    context = _shared(container)
    assert _look(context).calls["blob.GetBlob"] == 6
    again = _look(context)
    assert again.calls == {"blob.ListBlobs": 1}
    check_estimate(again, 0, context)
    deliver(container, [[focus_row("2026-11-02", "1")]], submitted="2026-11-24T09:00:00Z")
    assert _look(context).calls["blob.GetBlob"] == 1


@pytest.mark.parametrize("form", get_args(Form))
def test_no_byte_of_a_file_is_served_twice(container: Container, form: Form) -> None:
    noise = random.Random(1)
    parts = [[focus_row("2026-11-02", "1", x_Noise=noise.randbytes(2000).hex()) for _ in range(400)]] * 2
    deliver(container, parts, form=form)
    size = sum(len(encoded(part, list(part[0]), form)) for part in parts)
    context = _shared(container)
    assert len(_deliveries(_look(context))) == 1
    azurite = container.azurite
    with Proxy(urlsplit(azurite.endpoint).port or 0) as proxy:
        endpoints = {**azurite.azure.endpoints, "storage": proxy.before(azurite.endpoint).replace("@", "")}
        found = _read(_shared(container, endpoints=endpoints))
        assert _proof(found).rows_read == 800
        # TLS, headers, the list and the manifest come on top; the head of each file once more would be as much again.
        assert size <= proxy.served <= size + 2 * HEAD
    assert found.calls["blob.ListBlobs"] == 1
    assert form == "parquet" or found.calls["blob.GetBlob"] == 5, "a manifest, and of each file its head and the rest"


def test_an_export_without_rows_is_complete_and_empty(container: Container) -> None:
    deliver(container, [])
    context = _shared(container)
    (seen,) = _deliveries(_look(context))
    found = _read(context)
    proof = _proof(found)
    assert (proof.version, proof.rows_read, proof.totals) == (seen.version, 0, {})
    assert found.costs() == []


@pytest.mark.parametrize("form", get_args(Form))
def test_a_file_that_has_other_rows_than_were_promised_is_not_read(container: Container, form: Form) -> None:
    row = focus_row("2026-11-02", "1")
    key = deliver(container, [[row, row], [row]], form=form)
    file = key.replace("manifest.json", f"part_0_0001.{form}")
    container.put(file, encoded([row, row, row], list(row), form))
    found = _read(_shared(container))
    assert isinstance(found.error, CollectionFailed)
    assert found.error.transient
    assert "promised" in str(found.error)
    assert not found.batches


def test_a_manifest_that_comes_before_its_last_file_waits_for_it(container: Container) -> None:
    row = focus_row("2026-11-02", "1")
    key = deliver(container, [[row], [row]])
    container.delete(key.replace("manifest.json", "part_0_0002.csv.gz"))
    context = _shared(container)
    found = _read(context)
    assert isinstance(found.error, CollectionFailed)
    assert found.error.transient
    assert "part_0_0002.csv.gz" in str(found.error)
    container.put(key.replace("manifest.json", "part_0_0002.csv.gz"), encoded([row], list(row), "csv.gz"))
    assert _proof(_read(context)).totals == {"EUR": Decimal(2)}


def test_a_file_that_is_replaced_while_it_is_read_is_noticed(container: Container) -> None:
    row = focus_row("2026-11-02", "1")
    key = deliver(container, [[row]])
    shared = _shared(container)
    target = Target("azure", "default", "main", "bill_files")
    context = Context(shared, find_account(shared, target), Meter(), time.monotonic() + 60)
    export = BillExport(name="main", url=f"{container.url}/root")
    store = open_export(context, export)
    found = look(context, store, export)
    (manifest,) = found.months.values()
    pinned = pin(found, manifest)
    container.put(key.replace("manifest.json", "part_0_0001.csv.gz"), encoded([row], list(row), "csv.gz"))
    with pytest.raises(Changed):
        list(read_delivery(context, store, pinned, layout_of(manifest.kind), NOVEMBER))


def test_of_two_exports_in_one_folder_one_has_to_be_named(container: Container) -> None:
    deliver(container, [[focus_row("2026-11-02", "1")]], export="actual-focus")
    deliver(container, [[focus_row("2026-11-02", "2")]], export="Other")
    refused = _look(_shared(container))
    assert isinstance(refused.error, CollectionFailed)
    assert "Other, actual-focus" in str(refused.error)
    assert "set export" in str(refused.error)
    assert _proof(_read(_shared(container, export="other"))).totals == {"EUR": Decimal(2)}
    own = _shared(container, url=f"{container.url}/root/actual-focus")
    assert _proof(_read(own)).totals == {"EUR": Decimal(1)}


def test_price_sheets_and_odd_manifests_beside_a_bill_stand_in_no_ones_way(container: Container) -> None:
    deliver(container, [[focus_row("2026-11-02", "1")]])
    deliver(container, [], export="prices", kind="PriceSheet")
    run = {"runInfo": {"submittedTime": "2026-11-24T10:00:00Z", "startDate": "2026-08-15", "endDate": "2026-10-31"}}
    deliver(container, [], mend=run)
    container.put("root/x/manifest.json", b"{")
    found = _look(_shared(container))
    (seen,) = _deliveries(found)
    assert seen.period_start == NOVEMBER.start
    assert any("not of one calendar month" in reason for reason in found.report.partial)
    assert any("root/x/manifest.json" in reason for reason in found.report.partial)
    assert len(found.report.partial) == 2


def test_a_run_of_the_future_outdoes_none(container: Container) -> None:
    deliver(container, [[focus_row("2026-11-02", "1")]])
    run = {"runInfo": {"submittedTime": "2062-11-24T10:00:00Z", "startDate": "2026-11-01", "endDate": "2026-11-30"}}
    deliver(container, [[focus_row("2026-11-02", "9")]], mend=run)
    found = _read(_shared(container))
    assert _proof(found).totals == {"EUR": Decimal(1)}
    assert any("2062-11-24, which is to come" in reason for reason in found.report.partial)


def test_an_export_that_is_not_written_any_more_is_a_gap_with_a_reason(container: Container) -> None:
    (missing,) = _deliveries(_look(_shared(container)))
    assert missing.state is DeliveryState.MISSING
    assert "nothing was delivered yet" in missing.reason
    deliver(container, [[focus_row("2026-10-02", "1")]], month="2026-10", submitted="2026-11-05T08:00:00Z")
    seen, missing = _deliveries(_look(_shared(container)))
    assert (seen.state, missing.state) == (DeliveryState.SEEN, DeliveryState.MISSING)
    assert "since 2026-11-05 08:00" in missing.reason


def test_a_permission_that_is_lost_is_a_gap_with_its_name(container: Container) -> None:
    deliver(container, [[focus_row("2026-11-02", "1")]])
    directory = container.azurite.azure.directory
    lifetime, directory.lifetime = directory.lifetime, -10
    try:
        found = _look(_shared(container))
    finally:
        directory.lifetime = lifetime
    (missing,) = _deliveries(found)
    assert missing.state is DeliveryState.MISSING
    assert found.report.outcome is Outcome.COMPLETE
    assert "blobs/read" in missing.reason


def test_a_list_price_of_zero_beside_a_cost_is_unknown(container: Container) -> None:
    day = "2026-11-02"
    rows = [
        focus_row(day, "2", ListCost="0", ContractedCost="0", SkuId="market", ServiceName="", PublisherName="Acme"),
        focus_row(day, "0", SkuId="free"),
        focus_row(day, "3", ListCost="4", SkuId="priced"),
    ]
    deliver(container, [rows])
    lines = {line.sku_id: line for line in _read(_shared(container)).costs()}
    assert (lines["market"].list_cost, lines["market"].contracted_cost, lines["market"].service_name) == (
        None,
        None,
        "",
    )
    assert lines["free"].list_cost == Decimal(0)
    assert lines["priced"].list_cost == Decimal(4)


_EA = {
    "SubscriptionId": "11111111-1111-4111-8111-111111111111",
    "SubscriptionName": "Shop",
    "ResourceGroup": "Web",
    "ResourceLocation": "westeurope",
    "Date": "11/02/2026",
    "ProductName": "Virtual Machines Dsv5",
    "MeterCategory": "Virtual Machines",
    "MeterId": "m-1",
    "UnitOfMeasure": "1 Hour",
    "Quantity": "24",
    "CostInBillingCurrency": "1.25",
    "ResourceId": VM.upper(),
    "Tags": '"team": "search","env": "prod"',
    "ChargeType": "Usage",
    "PricingModel": "OnDemand",
    "BillingCurrencyCode": "EUR",
    "ServiceFamily": "Compute",
}
_MCA = {
    **{name[:1].lower() + name[1:]: value for name, value in _EA.items() if name != "BillingCurrencyCode"},
    "billingCurrency": "EUR",
    "date": "2026-11-02",
    "tags": '{"team": "search","env": "prod"}',
    "invoiceId": "E0600",
    "pricingCurrency": "USD",
    "exchangeRatePricingToBilling": "0.925",
}


@pytest.mark.parametrize(("row", "invoice"), [(_EA, ""), (_MCA, "E0600")], ids=["enterprise", "customer"])
@pytest.mark.parametrize(("kind", "column"), [("ActualCost", "billed_cost"), ("AmortizedCost", "effective_cost")])
def test_actual_and_amortized_costs_of_both_agreements(
    container: Container, row: dict[str, str], invoice: str, kind: str, column: str
) -> None:
    deliver(container, [[row, row]], kind=kind)
    found = _read(_shared(container))
    (line,) = found.costs()
    assert line == CostLine(
        start=datetime(2026, 11, 2, tzinfo=UTC),
        end=datetime(2026, 11, 3, tzinfo=UTC),
        currency="EUR",
        amounts={kind: Decimal("2.50")},
        charge_category="Usage",
        charge_type="Usage",
        charge_description="Virtual Machines Dsv5",
        service_name="Virtual Machines",
        service_category="Compute",
        sub_account_id=_EA["SubscriptionId"],
        sub_account_name="Shop",
        region_id="westeurope",
        resource_id=VM.lower(),
        sku_id="m-1",
        quantity=Decimal(48),
        unit="1 Hour",
        pricing_category="OnDemand",
        invoice_id=invoice,
        tags={"team": "search", "env": "prod"},
        billing_period_start=NOVEMBER.start,
        billing_period_end=NOVEMBER.end,
        lines=2,
        details={"ResourceGroup": "Web"}
        | ({"PricingCurrency": "USD", "ExchangeRatePricingToBilling": "0.925"} if invoice else {}),
        **{column: Decimal("2.50")},  # type: ignore[arg-type] # an amount
    )
    assert _proof(found).rows_read == 2


def test_a_table_of_other_columns_is_refused(container: Container) -> None:
    deliver(container, [[{"Some": "1", "Other": "2"}]], kind="ActualCost")
    found = _read(_shared(container))
    assert isinstance(found.error, CollectionFailed)
    assert "CostInBillingCurrency" in str(found.error)
