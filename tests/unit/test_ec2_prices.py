"""The list price of an instance: which product it is, and what a product costs."""

import json
from decimal import Decimal
from typing import Any

import pytest

from agents.aws.pricing.ec2 import Ec2Product
from agents.aws.pricing.price_list import hourly_price
from agents.core.pricing import Price


def _dimension(amount: str = "0.0960000000", unit: str = "Hrs", currency: str = "USD") -> dict[str, Any]:
    return {"unit": unit, "pricePerUnit": {currency: amount}}


def _item(*dimensions: dict[str, Any], terms: int = 1) -> str:
    named = {f"rate{number}": dimension for number, dimension in enumerate(dimensions)}
    on_demand = {f"term{number}": {"priceDimensions": named} for number in range(terms)}
    return json.dumps({"product": {"sku": "X"}, "terms": {"OnDemand": on_demand, "Reserved": {"r": {}}}})


LISTED = Price(Decimal("0.0960000000"), "USD")


@pytest.mark.parametrize(
    ("items", "price"),
    [
        ([_item(_dimension())], LISTED),
        ([_item(_dimension()), _item(_dimension())], LISTED),
        ([_item(_dimension(), _dimension("3.5", "Quantity"))], LISTED),
        ([_item(_dimension("0.68", currency="CNY"))], Price(Decimal("0.68"), "CNY")),
        ([], None),
        ([_item(_dimension("0.0000000000"))], None),
        ([_item(_dimension("-1"))], None),
        ([_item(_dimension("NaN"))], None),
        ([_item(_dimension("free"))], None),
        ([_item(_dimension(), _dimension("0.09"))], None),
        ([_item(_dimension(), terms=2)], None),
        ([_item(_dimension()), _item(_dimension("0.2"))], None),
        ([_item(_dimension()), _item(_dimension("0"))], None),
        ([_item(_dimension(unit="GB-Mo"))], None),
        ([_item({"unit": "Hrs", "pricePerUnit": {"USD": "1", "CNY": "7"}})], None),
        ([_item({"unit": "Hrs", "pricePerUnit": {}})], None),
        ([json.dumps({"terms": {"Reserved": {}}})], None),
        ([json.dumps({})], None),
    ],
)
def test_a_price_is_plain_or_unknown(items: list[str], price: Price | None) -> None:
    assert hourly_price(items) == price


def test_no_digit_of_a_price_passes_through_a_float() -> None:
    text = "0.12345678901234567890123"
    assert hourly_price([_item(_dimension(text))]) == Price(Decimal(text), "USD")
    number = _item(_dimension()).replace('"0.0960000000"', "0.10")
    assert hourly_price([number]) == Price(Decimal("0.10"), "USD")


def _instance(**fields: Any) -> dict[str, Any]:
    placement = {"AvailabilityZone": fields.pop("zone", "us-west-2a"), "Tenancy": fields.pop("tenancy", "default")}
    return {"InstanceType": "m5.large", "PlatformDetails": "Linux/UNIX", "Placement": placement, **fields}


@pytest.mark.parametrize(
    ("instance", "product"),
    [
        (_instance(), ("us-west-2", "Shared", "Linux", "NA", "No License required")),
        (_instance(tenancy="dedicated"), ("us-west-2", "Dedicated", "Linux", "NA", "No License required")),
        (
            _instance(PlatformDetails="Windows"),
            ("us-west-2", "Shared", "Windows", "NA", "No License required"),
        ),
        (
            _instance(PlatformDetails="Windows BYOL"),
            ("us-west-2", "Shared", "Windows", "NA", "Bring your own license"),
        ),
        (
            _instance(PlatformDetails="Windows with SQL Server Enterprise"),
            ("us-west-2", "Shared", "Windows", "SQL Ent", "No License required"),
        ),
        (
            _instance(PlatformDetails="Red Hat Enterprise Linux with SQL Server Web"),
            ("us-west-2", "Shared", "RHEL", "SQL Web", "No License required"),
        ),
        (_instance(PlatformDetails="SUSE Linux"), ("us-west-2", "Shared", "SUSE", "NA", "No License required")),
        (_instance(zone="us-west-2-lax-1a"), ("us-west-2-lax-1", "Shared", "Linux", "NA", "No License required")),
        (_instance(UsageOperation="RunInstances"), ("us-west-2", "Shared", "Linux", "NA", "No License required")),
        # What is not told may be a local zone, a licence, a host: none of these is the usual one.
        (_instance(zone=""), None),
        (_instance(zone="eu-west-1a"), None),
        (_instance(tenancy=None), None),
        (_instance(tenancy="something-new"), None),
        (_instance(InstanceType=None), None),
        (_instance(UsageOperation="RunInstances:0010"), None),
        (_instance(ProductCodes=[{"ProductCodeId": "abc", "ProductCodeType": "marketplace"}]), None),
        (_instance(ProductCodes=[]), ("us-west-2", "Shared", "Linux", "NA", "No License required")),
        (_instance(CpuOptions={"CoreCount": 1, "AmdSevSnp": "enabled"}), None),
        (
            _instance(CpuOptions={"AmdSevSnp": "disabled"}),
            ("us-west-2", "Shared", "Linux", "NA", "No License required"),
        ),
        (_instance(ElasticGpuAssociations=[{"ElasticGpuId": "egpu-1"}]), None),
        (_instance(zone="us-east-1-wl1-bos-wlz-1"), None),
        (_instance(InstanceLifecycle="something-new"), None),
        (_instance(tenancy="host"), None),
        (_instance(InstanceLifecycle="spot"), None),
        (_instance(InstanceLifecycle="capacity-block"), None),
        (_instance(OutpostArn="arn:aws:outposts:::outpost/op-1"), None),
        (_instance(PlatformDetails="Some new system"), None),
        (_instance(Operator={"Managed": True, "Principal": "eks.amazonaws.com"}), None),
        (_instance(Operator={"Principal": "ecs.amazonaws.com"}), None),
        (_instance(Operator="eks"), None),
        (_instance(Operator={"Managed": False}), ("us-west-2", "Shared", "Linux", "NA", "No License required")),
        (_instance(EbsOptimized=True), ("us-west-2", "Shared", "Linux", "NA", "No License required")),
        (_instance(EbsOptimized=True, InstanceType="m3.xlarge"), None),
        (_instance(EbsOptimized="?", InstanceType="c3.xlarge"), None),
        (_instance(PlatformDetails=""), None),
    ],
)
def test_an_instance_is_one_product_or_none_that_is_known(
    instance: dict[str, Any], product: tuple[str, ...] | None
) -> None:
    expected = Ec2Product("m5.large", *product) if product else None
    assert Ec2Product.of(instance, "us-west-2") == expected
