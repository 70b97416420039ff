"""Prices of the local AWS beside EC2's list prices: spot, SageMaker, S3, RDS, Lambda, EKS."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulators.aws import LocalAws
from emulators.aws.ec2.spot import spot_price
from tests.support.local_aws import aws_client

NOW = datetime(2026, 3, 10, 12, 7, 30, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(clock=NOW.timestamp) as running:
        yield running


def dimensions(aws: LocalAws, code: str, **fields: str) -> list[dict[str, Any]]:
    """The price dimensions of the one product with these attributes, cheapest range last."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    (item,) = aws_client(aws, "pricing").get_products(ServiceCode=code, Filters=filters)["PriceList"]
    (term,) = json.loads(item)["terms"]["OnDemand"].values()
    return sorted(term["priceDimensions"].values(), key=lambda one: int(one["beginRange"]))


def usd(dimension: dict[str, Any]) -> Decimal:
    return Decimal(dimension["pricePerUnit"]["USD"])


def test_hosting_has_its_own_price(aws: LocalAws) -> None:
    named = {"instanceName": "ml.m5.large", "regionCode": "us-east-1"}
    (hosting,) = dimensions(aws, "AmazonSageMaker", component="Hosting", **named)
    (training,) = dimensions(aws, "AmazonSageMaker", component="Notebook", **named)
    assert (hosting["unit"], usd(hosting)) == ("Hrs", Decimal("0.1152"))
    assert usd(training) != usd(hosting)
    (serverless,) = dimensions(aws, "AmazonSageMaker", usagetype="USE1-ServerlessInf:Mem-2GB")
    assert (serverless["unit"], usd(serverless)) == ("Sec", Decimal("0.00004"))


def test_standard_storage_has_tiers_that_meet(aws: LocalAws) -> None:
    tiers = dimensions(aws, "AmazonS3", volumeType="Standard", regionCode="us-east-1", productFamily="Storage")
    assert [(one["beginRange"], one["endRange"], usd(one)) for one in tiers] == [
        ("0", "51200", Decimal("0.023")),
        ("51200", "512000", Decimal("0.022")),
        ("512000", "Inf", Decimal("0.021")),
    ]
    (archive,) = dimensions(aws, "AmazonS3", usagetype="USW2-TimedStorage-GDA-ByteHrs")
    assert (archive["unit"], usd(archive)) == ("GB-Mo", Decimal("0.00099"))


def test_databases_functions_and_clusters(aws: LocalAws) -> None:
    database = {"instanceType": "db.m5.large", "databaseEngine": "PostgreSQL", "regionCode": "us-east-1"}
    (single,) = dimensions(aws, "AmazonRDS", deploymentOption="Single-AZ", **database)
    (multi,) = dimensions(aws, "AmazonRDS", deploymentOption="Multi-AZ", **database)
    assert usd(multi) == 2 * usd(single)
    duration = dimensions(aws, "AWSLambda", group="AWS-Lambda-Duration", regionCode="us-east-1")
    assert [usd(one) for one in duration] == [Decimal("0.0000166667"), Decimal("0.000015"), Decimal("0.0000133334")]
    (cluster,) = dimensions(aws, "AmazonEKS", usagetype="USE1-AmazonEKS-Hours:perCluster")
    assert usd(cluster) == Decimal("0.1")


def history(aws: LocalAws, **asked: Any) -> list[dict[str, Any]]:
    asked.setdefault("InstanceTypes", ["m5.large"])
    asked.setdefault("ProductDescriptions", ["Linux/UNIX"])
    pages = aws_client(aws, "ec2").get_paginator("describe_spot_price_history").paginate(**asked)
    return [price for page in pages for price in page["SpotPriceHistory"]]


def test_the_spot_price_in_force_is_found_by_asking_from_now(aws: LocalAws) -> None:
    found = history(aws, StartTime=NOW)
    assert {price["AvailabilityZone"] for price in found} == {"us-east-1a", "us-east-1b", "us-east-1c"}
    for price in found:
        assert NOW - timedelta(hours=6) < price["Timestamp"] <= NOW
        expected = spot_price("m5.large", "Linux/UNIX", price["AvailabilityZone"], NOW.timestamp())
        assert Decimal(price["SpotPrice"]) == expected
        assert 0 < Decimal(price["SpotPrice"]) < Decimal("0.096")


def test_the_history_is_newest_first_and_the_same_again(aws: LocalAws) -> None:
    span = {"StartTime": NOW - timedelta(days=1), "EndTime": NOW, "AvailabilityZone": "us-east-1a"}
    found = history(aws, **span)
    times = [price["Timestamp"] for price in found]
    assert times == sorted(times, reverse=True)
    assert len(found) == 5, "four changes in a day, and the price in force when it began"
    assert history(aws, **span, PaginationConfig={"PageSize": 2}) == found
    assert history(aws, **{**span, "ProductDescriptions": ["Linux/UNIX (Amazon VPC)"]}) == found


def test_a_type_without_a_spot_price(aws: LocalAws) -> None:
    assert history(aws, InstanceTypes=["c7g.large"], StartTime=NOW) == []
    assert spot_price("c7g.large", "Linux/UNIX", "us-east-1a", NOW.timestamp()) is None
    with pytest.raises(ClientError, match="colour"):
        history(aws, StartTime=NOW, Filters=[{"Name": "colour", "Values": ["red"]}])
