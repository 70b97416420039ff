"""The Price List API of the local AWS."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulators.aws import LocalAws
from tests.support.local_aws import aws_client, error_of

ON_DEMAND_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture
def pricing(aws: LocalAws) -> Any:
    return aws_client(aws, "pricing")


def filters(**fields: str) -> list[dict[str, str]]:
    return [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]


def products(pricing: Any, **fields: str) -> list[dict[str, Any]]:
    answer = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters(**fields))
    return [json.loads(item) for item in answer["PriceList"]]


def hourly(product: dict[str, Any]) -> tuple[str, Decimal]:
    (term,) = product["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    return dimension["unit"], Decimal(dimension["pricePerUnit"]["USD"])


def test_one_product_is_left_when_every_question_is_asked(pricing: Any) -> None:
    (product,) = products(pricing, instanceType="m5.large", regionCode="us-west-2", **ON_DEMAND_LINUX)
    assert hourly(product) == ("Hrs", Decimal("0.096"))
    attributes = product["product"]["attributes"]
    assert attributes["usagetype"] == "USW2-BoxUsage:m5.large"
    assert product["product"]["productFamily"] == "Compute Instance"


def test_a_careless_question_meets_other_prices(pricing: Any) -> None:
    prices = {hourly(product)[1] for product in products(pricing, instanceType="m5.large", regionCode="us-east-1")}
    assert Decimal(0) in prices
    assert len(prices) > 4


def test_windows_and_other_regions_cost_more(pricing: Any) -> None:
    place = {"instanceType": "c5.xlarge", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
    linux = products(pricing, regionCode="us-east-1", operatingSystem="Linux", **place)
    included = {"licenseModel": "No License required", "operatingSystem": "Windows"}
    windows = products(pricing, regionCode="us-east-1", **included, **place)
    tokyo = products(pricing, regionCode="ap-northeast-1", operatingSystem="Linux", **place)
    assert hourly(windows[0])[1] > hourly(linux[0])[1]
    assert hourly(tokyo[0])[1] > hourly(linux[0])[1]


def test_a_type_without_a_price_gives_nothing(pricing: Any) -> None:
    assert products(pricing, instanceType="c7g.large", regionCode="us-east-1") == []


def test_pages_of_100_hold_each_product_once(pricing: Any) -> None:
    asked = {"ServiceCode": "AmazonEC2", "Filters": filters(regionCode="us-east-1")}
    pages = list(pricing.get_paginator("get_products").paginate(**asked))
    assert {len(page["PriceList"]) for page in pages[:-1]} == {100}
    skus = [json.loads(item)["product"]["sku"] for page in pages for item in page["PriceList"]]
    assert len(skus) == len(set(skus)) > 200


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"ServiceCode": "AmazonTime"}, "NotFoundException"),
        ({"ServiceCode": "AmazonEC2", "MaxResults": 101}, "InvalidParameterException"),
        ({"ServiceCode": "AmazonEC2", "NextToken": "made-up"}, "InvalidNextTokenException"),
        (
            {"ServiceCode": "AmazonEC2", "Filters": [{"Type": "LIKE", "Field": "a", "Value": "b"}]},
            "InvalidParameterException",
        ),
    ],
)
def test_what_is_refused(pricing: Any, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        pricing.get_products(**asked)
    assert error_of(refused.value) == (code, 400)


def test_there_is_no_endpoint_in_most_regions(aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="no endpoint in us-west-2"):
        aws_client(aws, "pricing", "us-west-2").get_products(ServiceCode="AmazonEC2")


def test_services_and_attribute_values(pricing: Any) -> None:
    assert "AmazonEC2" in {service["ServiceCode"] for service in pricing.describe_services()["Services"]}
    values = pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="operatingSystem")["AttributeValues"]
    assert [value["Value"] for value in values] == ["Linux", "RHEL", "Windows"]


def test_a_price_may_be_taken_out(aws: LocalAws, pricing: Any) -> None:
    assert aws.prices.remove("AmazonEC2", instanceType="m5.large", regionCode="us-east-1") == 9
    assert products(pricing, instanceType="m5.large", regionCode="us-east-1") == []
