"""The local price catalogue and billing accounts as Google's clients see them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument, NotFound, PermissionDenied
from google.cloud.billing_v1 import CloudBillingClient, CloudCatalogClient

from emulators.gcp import LocalGcp
from emulators.gcp.billing import Account
from emulators.gcp.billing.catalog import CURRENCIES
from emulators.gcp.billing.compute_skus import COMPUTE
from emulators.gcp.billing.other_skus import FUNCTIONS, SERVICES
from emulators.gcp.seed import seed_compute
from tests.support.local_gcp import billing_client, catalog_client

ACCOUNT = "012345-6789AB-CDEF01"
CLOSED = "FFFFFF-000000-FFFFFF"


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with LocalGcp() as running:
        for project in ("paid", "free", "shut"):
            running.projects.add(project)
        running.accounts.add(Account(ACCOUNT, "Main", "EUR"))
        running.accounts.add(Account(CLOSED, "Old", is_open=False))
        running.accounts.link("paid", ACCOUNT)
        running.accounts.link("shut", CLOSED)
        yield running


@pytest.fixture(scope="module")
def catalog(gcp: LocalGcp) -> Iterator[CloudCatalogClient]:
    with catalog_client(gcp) as opened:
        yield opened


@pytest.fixture(scope="module")
def accounts(gcp: LocalGcp) -> Iterator[CloudBillingClient]:
    with billing_client(gcp) as opened:
        yield opened


def price(sku: Any, tier: int = 0) -> Decimal:
    money = sku.pricing_info[-1].pricing_expression.tiered_rates[tier].unit_price
    return Decimal(money.units) + Decimal(money.nanos) / 10**9


@pytest.fixture(scope="module")
def compute(catalog: CloudCatalogClient) -> list[Any]:
    return list(catalog.list_skus(parent=f"services/{COMPUTE}"))


def only(skus: list[Any], description: str, region: str) -> Any:
    found = [sku for sku in skus if sku.description == description and region in sku.service_regions]
    assert len(found) == 1
    return found[0]


def test_services_are_those_of_google(catalog: CloudCatalogClient) -> None:
    found = {one.service_id: one.display_name for one in catalog.list_services({"page_size": 4})}
    assert found == {one.service_id: one.name for one in SERVICES}


def test_a_machines_price_is_composed_of_core_and_memory_by_region(compute: list[Any]) -> None:
    core = only(compute, "N2 Instance Core running in Americas", "us-central1")
    memory = only(compute, "N2 Instance Ram running in Americas", "us-central1")
    assert (price(core), core.category.usage_type, core.category.resource_group) == (
        Decimal("0.031611"),
        "OnDemand",
        "CPU",
    )
    assert (core.pricing_info[0].pricing_expression.usage_unit, price(memory)) == ("h", Decimal("0.004237"))
    assert memory.pricing_info[0].pricing_expression.usage_unit == "GiBy.h"
    frankfurt = only(compute, "N2 Instance Core running in Frankfurt", "europe-west3")
    assert price(frankfurt) > price(core)


def test_what_looks_alike_has_another_price(compute: list[Any]) -> None:
    right = only(compute, "N2 Instance Core running in Americas", "us-central1")
    alike = [
        "Spot Preemptible N2 Instance Core running in Americas",
        "N2 Custom Instance Core running in Americas",
        "Commitment v1: N2 Cpu in Americas for 1 Year",
        "N2D AMD Instance Core running in Americas",
        "DWS Defined Duration N2 Instance Core running in Americas",
    ]
    for description in alike:
        assert price(only(compute, description, "us-central1")) != price(right)
    assert {sku.category.usage_type for sku in compute} == {"OnDemand", "Preemptible", "Commit1Yr", "Commit3Yr"}


def test_the_seeds_prices_are_those_of_the_catalogue(compute: list[Any]) -> None:
    seeded = seed_compute(LocalGcp(), 60, zones=("us-central1-a",), hours_back=0.1, hours_ahead=0.1)
    machines = {(one.machine.name, one.spot): one for one in seeded.instances}
    for (name, spot), one in machines.items():
        if name not in {"n2-standard-8", "g2-standard-8"} or one.windows:
            continue
        start = "Spot Preemptible " if spot else ""
        words = f"{start}{one.machine.family.upper()} Instance"
        core = only(compute, f"{words} Core running in Americas", "us-central1")
        memory = only(compute, f"{words} Ram running in Americas", "us-central1")
        expected = price(core) * one.machine.vcpus + price(memory) * one.machine.memory_gib
        if one.machine.gpu is not None:
            attached = "attached to Spot Preemptible VMs running" if spot else "running"
            expected += price(only(compute, f"Nvidia L4 GPU {attached} in Americas", "us-central1"))
        assert one.hourly_price == expected


def test_another_currency_is_converted_and_says_so(catalog: CloudCatalogClient, compute: list[Any]) -> None:
    asked = {"parent": f"services/{COMPUTE}", "currency_code": "JPY"}
    yen = only(list(catalog.list_skus(asked)), "N2 Instance Core running in Americas", "us-central1")
    dollars = only(compute, "N2 Instance Core running in Americas", "us-central1")
    assert price(yen) == price(dollars) * CURRENCIES["JPY"]
    assert yen.pricing_info[0].currency_conversion_rate == 149.5
    assert yen.pricing_info[0].pricing_expression.tiered_rates[0].unit_price.currency_code == "JPY"
    with pytest.raises(InvalidArgument, match="XXX"):
        catalog.list_skus({"parent": f"services/{COMPUTE}", "currency_code": "XXX"})


def test_tiers_are_in_order(catalog: CloudCatalogClient) -> None:
    sku = next(one for one in catalog.list_skus(parent=f"services/{FUNCTIONS}") if one.description == "Invocations")
    tiers = sku.pricing_info[0].pricing_expression.tiered_rates
    assert [(tier.start_usage_amount, price(sku, at)) for at, tier in enumerate(tiers)] == [
        (0, 0),
        (2_000_000, Decimal("0.0000004")),
    ]


def test_skus_are_paged_and_each_comes_once(gcp: LocalGcp, catalog: CloudCatalogClient, compute: list[Any]) -> None:
    gcp.reset_calls()
    found = [sku.sku_id for sku in catalog.list_skus({"parent": f"services/{COMPUTE}", "page_size": 600})]
    assert sorted(found) == sorted({sku.sku_id for sku in compute})
    assert gcp.calls() == {"cloudbilling:ListSkus": -(-len(compute) // 600)}


def test_an_unknown_service_is_not_found(catalog: CloudCatalogClient) -> None:
    with pytest.raises(NotFound):
        catalog.list_skus(parent="services/0000-0000-0000")


def test_a_removed_sku_has_no_price(catalog: CloudCatalogClient) -> None:
    gcp = LocalGcp()
    sku = gcp.catalog.find("E2 Instance Core running in Japan")[0]
    gcp.catalog.remove(sku)
    assert gcp.catalog.find("E2 Instance Core running in Japan") == []


def test_a_projects_account_is_told(accounts: CloudBillingClient) -> None:
    def info(project: str) -> tuple[str, bool]:
        found = accounts.get_project_billing_info(name=f"projects/{project}")
        return found.billing_account_name, found.billing_enabled

    assert info("paid") == (f"billingAccounts/{ACCOUNT}", True)
    assert info("shut") == (f"billingAccounts/{CLOSED}", False)
    assert info("free") == ("", False)
    with pytest.raises(PermissionDenied):
        info("nobody")


def test_accounts_and_their_projects_are_listed(accounts: CloudBillingClient) -> None:
    assert [(one.display_name, one.open, one.currency_code) for one in accounts.list_billing_accounts()] == [
        ("Main", True, "EUR"),
        ("Old", False, "USD"),
    ]
    listed = accounts.list_project_billing_info(name=f"billingAccounts/{ACCOUNT}")
    assert [one.project_id for one in listed] == ["paid"]
    assert accounts.get_billing_account(name=f"billingAccounts/{CLOSED}").display_name == "Old"
    with pytest.raises(PermissionDenied):
        accounts.get_billing_account(name="billingAccounts/none")
