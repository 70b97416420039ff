"""The catalogue's SKUs: which part of a machine each is the price of, and money exactly."""

from decimal import Decimal

import pytest
from google.cloud.billing_v1 import Sku as WireSku

from agents.gcp.pricing.catalog import Sku, _sku, money
from agents.gcp.pricing.compute import compose_list, part_of


def _of(description: str, usage: str = "OnDemand", unit: str = "h", amount: str = "0.03") -> Sku:
    return Sku(description, usage, ("us-central1", "us-east1"), unit, Decimal(amount))


@pytest.mark.parametrize(
    ("description", "usage", "unit", "part"),
    [
        ("N2 Instance Core running in Americas", "OnDemand", "h", "n2/core"),
        ("N2 Instance Ram running in Americas", "OnDemand", "GiBy.h", "n2/ram"),
        ("N2D AMD Instance Core running in Northern Virginia", "OnDemand", "h", "n2d/core"),
        ("T2A Arm Instance Ram running in Iowa", "OnDemand", "GiBy.h", "t2a/ram"),
        ("N1 Predefined Instance Core running in Americas", "OnDemand", "h", "n1/core"),
        ("Custom Instance Core running in Paris", "OnDemand", "h", "n1-custom/core"),
        ("Custom Extended Instance Ram running in Paris", "OnDemand", "GiBy.h", "n1-custom/extended"),
        ("N2 Custom Extended Instance Ram running in Paris", "OnDemand", "GiBy.h", "n2-custom/extended"),
        ("N2D AMD Custom Instance Ram running in Paris", "OnDemand", "GiBy.h", "n2d-custom/ram"),
        ("Compute optimized Core running in Americas", "OnDemand", "h", "c2/core"),
        ("Compute optimized Instance Ram running in Madrid", "OnDemand", "GiBy.h", "c2/ram"),
        ("Memory-optimized Instance Core running in Americas", "OnDemand", "h", "m1/core"),
        ("Micro Instance with burstable CPU running in EMEA", "OnDemand", "h", "whole/f1-micro"),
        ("Small Instance with 1 VCPU running in EMEA", "OnDemand", "h", "whole/g1-small"),
        ("Nvidia Tesla A100 80GB GPU running in Americas", "OnDemand", "h", "gpu/nvidia-a100-80gb"),
        ("Nvidia L4 GPU attached to Spot Preemptible VMs running in Iowa", "Preemptible", "h", "spot/gpu/nvidia-l4"),
        ("Spot Preemptible E2 Instance Core running in Americas", "Preemptible", "h", "spot/e2/core"),
        ("Spot Preemptible N1 Predefined Instance Ram running in APAC", "Preemptible", "GiBy.h", "spot/n1/ram"),
    ],
)
def test_a_sku_is_the_price_of_a_part(description: str, usage: str, unit: str, part: str) -> None:
    assert part_of(_of(description, usage, unit)) == part


@pytest.mark.parametrize(
    ("description", "usage", "unit"),
    [
        ("N2 Sole Tenancy Instance Core running in Americas", "OnDemand", "h"),
        ("Sole Tenancy Premium for N2 Sole Tenancy Instance Core running in Americas", "OnDemand", "h"),
        ("DWS Defined Duration N2 Instance Core running in Americas", "OnDemand", "h"),
        ("Memory Optimized Upgrade Premium for Memory-optimized Instance Core running in Americas", "OnDemand", "h"),
        ("Commitment v1: N2 Cpu in Americas for 1 Year", "Commit1Yr", "h"),
        ("N2 Instance Core running in Americas", "Commit3Yr", "h"),
        ("Licensing Fee for Windows Server 2022 Datacenter Edition (CPU cost)", "OnDemand", "h"),
        ("Nvidia Unheard Of GPU running in Americas", "OnDemand", "h"),
        # What is said twice, and differently, is not believed.
        ("Spot Preemptible E2 Instance Core running in Americas", "OnDemand", "h"),
        ("E2 Instance Core running in Americas", "Preemptible", "h"),
        ("N2 Instance Ram running in Americas", "OnDemand", "GiBy.mo"),
    ],
)
def test_what_looks_alike_is_no_price_of_ours(description: str, usage: str, unit: str) -> None:
    assert part_of(_of(description, usage, unit)) is None


def test_two_prices_for_one_part_are_no_price() -> None:
    core = "N2 Instance Core running in Americas"
    listed = compose_list("USD", [_of(core), _of(core, amount="0.04"), _of("E2 Instance Core running in Americas")])
    assert listed.regions == {
        "us-central1": {"e2/core": Decimal("0.03")},
        "us-east1": {"e2/core": Decimal("0.03")},
    }
    same = compose_list("USD", [_of(core), _of(core)])
    assert same.regions["us-east1"] == {"n2/core": Decimal("0.03")}


@pytest.mark.parametrize(
    ("units", "nanos", "amount"), [(0, 31611000, "0.031611"), (2, 933908000, "2.933908"), (0, 1, "0.000000001")]
)
def test_nanos_are_exact(units: int, nanos: int, amount: str) -> None:
    assert money(units, nanos) == Decimal(amount)


def _wire(unit: str = "GiBy.h", currency: str = "USD", rates: int = 1, nanos: int = 4_237_000) -> object:
    price = {"unit_price": {"currency_code": currency, "units": 0, "nanos": nanos}}
    tiers = [{"start_usage_amount": 10 * number, **price} for number in range(rates)]
    sku = WireSku(
        description="N2 Instance Ram running in Americas",
        category={"usage_type": "OnDemand"},
        service_regions=["us-central1"],
        pricing_info=[{"pricing_expression": {"usage_unit": unit, "tiered_rates": tiers}}],
    )
    return WireSku.pb(sku)


def test_a_price_by_decimal_gigabytes_is_made_one_by_gibibytes() -> None:
    found = _sku(_wire("GBy.h"), "USD")
    assert found is not None
    assert found.unit == "GiBy.h"
    assert found.amount == Decimal("0.004237") * 2**30 / 10**9


def test_tiers_another_currency_and_nothing_are_no_price() -> None:
    assert _sku(_wire(rates=2), "USD") is None
    assert _sku(_wire(currency="EUR"), "USD") is None
    assert _sku(_wire(nanos=0), "USD") is None
    assert _sku(_wire(), "USD") is not None
