"""S3, SageMaker, RDS, Lambda and EKS of the local AWS: inventories, their pages, and the metrics of the seeds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulators.aws import LocalAws
from emulators.aws.seed import seed_eks, seed_lambda, seed_rds, seed_s3, seed_sagemaker
from tests.support.local_aws import aws_client

NOW = datetime(2026, 3, 10, 12, 7, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(clock=NOW.timestamp) as running:
        yield running


def read(
    aws: LocalAws,
    region: str,
    name: str,
    dimensions: dict[str, str],
    stat: str,
    *,
    window: tuple[datetime, datetime],
    period: int,
) -> dict[datetime, float]:
    """The values of a metric, `namespace:name`, by time."""
    namespace, _, metric = name.rpartition(":")
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    named = {"Namespace": namespace, "MetricName": metric, "Dimensions": pairs}
    query = {"Id": "a", "MetricStat": {"Metric": named, "Period": period, "Stat": stat}}
    answer = aws_client(aws, "cloudwatch", region).get_metric_data(
        StartTime=window[0], EndTime=window[1], MetricDataQueries=[query]
    )
    (result,) = answer["MetricDataResults"]
    return dict(zip(result["Timestamps"], result["Values"], strict=True))


def test_buckets_come_by_pages_with_their_regions(aws: LocalAws) -> None:
    seeded = seed_s3(aws, 7)
    s3 = aws_client(aws, "s3")
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Buckets"]) for page in pages] == [3, 3, 1]
    found = {bucket["Name"]: bucket["BucketRegion"] for page in pages for bucket in page["Buckets"]}
    assert found == {bucket.name: bucket.region for bucket in seeded}
    assert all("BucketRegion" not in bucket for bucket in s3.list_buckets()["Buckets"]), "only where it is asked for"
    west = s3.list_buckets(BucketRegion="us-west-2")["Buckets"]
    assert {bucket["Name"] for bucket in west} == {bucket.name for bucket in seeded if bucket.region == "us-west-2"}
    location = s3.get_bucket_location(Bucket=west[0]["Name"])["LocationConstraint"]
    assert location == "us-west-2"
    assert all(bucket["CreationDate"] < NOW for bucket in west)


def test_daily_storage_metrics_of_buckets(aws: LocalAws) -> None:
    seeded = seed_s3(aws, 6, days=3)
    week = (MIDNIGHT - timedelta(days=7), MIDNIGHT + timedelta(days=1))
    for bucket in seeded[:-1]:
        for kind, size in bucket.bytes_by_type.items():
            dims = {"StorageType": kind, "BucketName": bucket.name}
            found = read(aws, bucket.region, "AWS/S3:BucketSizeBytes", dims, "Average", window=week, period=86400)
            assert sorted(found) == [MIDNIGHT - timedelta(days=back) for back in (2, 1, 0)]
            assert found[MIDNIGHT] == size
        every = {"BucketName": bucket.name, "StorageType": "AllStorageTypes"}
        objects = read(aws, bucket.region, "AWS/S3:NumberOfObjects", every, "Average", window=week, period=86400)
        assert objects[MIDNIGHT] == bucket.objects
    newest = {"Name": "BucketName", "Value": seeded[-1].name}
    listed = aws_client(aws, "cloudwatch", seeded[-1].region).list_metrics(Namespace="AWS/S3", Dimensions=[newest])
    assert listed["Metrics"] == []
    kinds = {kind for bucket in seeded for kind in bucket.bytes_by_type}
    assert {"StandardStorage", "GlacierStorage", "DeepArchiveStorage", "IntelligentTieringFAStorage"} <= kinds


def test_endpoints_with_variants_and_serverless_ones(aws: LocalAws) -> None:
    seeded = {one.name: one for one in seed_sagemaker(aws, 23, ("eu-west-1",))}
    sagemaker = aws_client(aws, "sagemaker", "eu-west-1")
    pages = list(sagemaker.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 10}))
    assert [len(page["Endpoints"]) for page in pages] == [10, 10, 3]
    assert {one["EndpointName"] for page in pages for one in page["Endpoints"]} == set(seeded)
    for name in ("endpoint-000", "endpoint-001", "endpoint-002"):
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        assert endpoint["CreationTime"] < NOW
        config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        types = {variant["VariantName"]: variant.get("InstanceType") for variant in config["ProductionVariants"]}
        assert types == {variant.name: variant.instance_type for variant in seeded[name].variants}
        counts = {v["VariantName"]: v.get("CurrentInstanceCount", 0) for v in endpoint["ProductionVariants"]}
        assert counts == {variant.name: variant.instances for variant in seeded[name].variants}
    serverless = sagemaker.describe_endpoint(EndpointName="endpoint-002")["ProductionVariants"][0]
    assert serverless["CurrentServerlessConfig"]["MemorySizeInMB"] == 2048
    assert aws_client(aws, "sagemaker").list_endpoints()["Endpoints"] == []


def test_invocations_errors_and_latency_of_endpoints(aws: LocalAws) -> None:
    window = (NOON - timedelta(hours=1), NOON)
    for endpoint in seed_sagemaker(aws, 4):
        for variant in endpoint.variants:
            dims = {"EndpointName": endpoint.name, "VariantName": variant.name}
            inside = [m for m in variant.minutes if window[0].timestamp() <= m.time < window[1].timestamp()]
            expected = {
                "Invocations": sum(m.invocations for m in inside),
                "Invocation4XXErrors": sum(m.errors_4xx for m in inside),
                "Invocation5XXErrors": sum(m.errors_5xx for m in inside),
            }
            for metric, total in expected.items():
                found = read(aws, "us-east-1", f"AWS/SageMaker:{metric}", dims, "Sum", window=window, period=3600)
                assert list(found.values()) == ([total] if inside else [])
            minutes = read(aws, "us-east-1", "AWS/SageMaker:Invocations", dims, "Sum", window=window, period=60)
            assert len(minutes) == len(inside) < 60, "quiet minutes have no datapoint"
            latency = read(aws, "us-east-1", "AWS/SageMaker:ModelLatency", dims, "Average", window=window, period=60)
            mean = {datetime.fromtimestamp(m.time, UTC): sum(m.latencies) / len(m.latencies) for m in inside}
            assert latency == pytest.approx(mean)


def test_databases(aws: LocalAws) -> None:
    names = seed_rds(aws, 25, "us-west-2")
    rds = aws_client(aws, "rds", "us-west-2")
    pages = list(rds.get_paginator("describe_db_instances").paginate(PaginationConfig={"PageSize": 20}))
    assert [len(page["DBInstances"]) for page in pages] == [20, 5]
    found = {one["DBInstanceIdentifier"]: one for page in pages for one in page["DBInstances"]}
    assert sorted(found) == names
    assert (found["db-001"]["DBInstanceClass"], found["db-001"]["Engine"]) == ("db.r5.xlarge", "mysql")
    assert found["db-001"]["MultiAZ"]
    assert found["db-000"]["InstanceCreateTime"] < NOW
    cpu = read(
        aws,
        "us-west-2",
        "AWS/RDS:CPUUtilization",
        {"DBInstanceIdentifier": "db-000"},
        "Average",
        window=(NOON - timedelta(minutes=30), NOON),
        period=300,
    )
    assert len(cpu) == 6


def test_functions(aws: LocalAws) -> None:
    names = seed_lambda(aws, 60)
    pages = list(aws_client(aws, "lambda").get_paginator("list_functions").paginate())
    assert [len(page["Functions"]) for page in pages] == [50, 10], "Lambda gives 50 a page at the most"
    found = {one["FunctionName"]: one for page in pages for one in page["Functions"]}
    assert sorted(found) == names
    assert (found["function-001"]["MemorySize"], found["function-001"]["Architectures"]) == (512, ["arm64"])
    tags = aws_client(aws, "lambda").list_tags(Resource=found["function-000"]["FunctionArn"])["Tags"]
    assert set(tags) == {"team"}
    window = (NOON - timedelta(hours=1), NOON)
    for name, expected in (("function-000", 12), (names[-1], 0)):
        sums = read(
            aws, "us-east-1", "AWS/Lambda:Invocations", {"FunctionName": name}, "Sum", window=window, period=300
        )
        assert len(sums) == expected
    with pytest.raises(ClientError, match="Invalid Marker"):
        aws_client(aws, "lambda").list_functions(Marker="made-up")


def test_clusters_and_their_nodes(aws: LocalAws) -> None:
    names = seed_eks(aws, 2)
    eks = aws_client(aws, "eks")
    assert eks.list_clusters()["clusters"] == names
    cluster = eks.describe_cluster(name=names[0])["cluster"]
    assert (cluster["version"], cluster["status"], cluster["tags"]) == ("1.33", "ACTIVE", {"team": "platform"})
    (group,) = eks.list_nodegroups(clusterName=names[0])["nodegroups"]
    described = eks.describe_nodegroup(clusterName=names[0], nodegroupName=group)["nodegroup"]
    assert described["scalingConfig"]["desiredSize"] == 2
    asked: list[dict[str, Any]] = [{"Name": "tag:eks:cluster-name", "Values": [names[0]]}]
    nodes = aws_client(aws, "ec2").describe_instances(Filters=asked)["Reservations"]
    assert sum(len(one["Instances"]) for one in nodes) == 2
    window = (NOON - timedelta(hours=1), NOON)
    for name, expected in zip(names, (12, 0), strict=True):
        dims = {"ClusterName": name}
        found = read(
            aws, "us-east-1", "ContainerInsights:node_cpu_utilization", dims, "Average", window=window, period=300
        )
        assert len(found) == expected
