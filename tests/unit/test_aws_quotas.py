"""Which quota a call counts against."""

import pytest

from agents.aws.quotas import quota_of
from agents.core.limits import Quota
from telemetry.errors import CollectionFailed


@pytest.mark.parametrize(
    ("api", "configured", "group", "quota"),
    [
        ("ec2:DescribeInstances", {}, "ec2:Describe*", Quota(20, 100)),
        ("ec2:DescribeSpotPriceHistory", {}, "ec2:Describe*", Quota(20, 100)),
        ("cloudwatch:GetMetricData", {}, "cloudwatch:GetMetricData", Quota(50, 50)),
        ("s3:GetObject", {}, "s3:*Object", Quota(500, 500)),
        ("s3:ListObjectsV2", {}, "s3:*", Quota(10, 20)),
        ("sts:AssumeRole", {}, "sts:*", Quota(10, 20)),
        ("ec2:DescribeInstances", {"ec2:DescribeInstances": 5}, "ec2:DescribeInstances", Quota(5, 5)),
        ("ec2:DescribeVolumes", {"ec2:DescribeInstances": 5}, "ec2:Describe*", Quota(20, 100)),
        ("ec2:DescribeInstances", {"ec2:*": 9, "ec2:Describe*": 3}, "ec2:Describe*", Quota(3, 3)),
        ("ec2:DescribeInstances", {"*": 0.2}, "*", Quota(0.2, 1)),
    ],
)
def test_the_configured_quota_comes_before_the_published_one(
    api: str, configured: dict[str, float], group: str, quota: Quota
) -> None:
    assert quota_of(api, configured) == (group, quota)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_lets_nothing_through_is_named(rate: float) -> None:
    with pytest.raises(CollectionFailed, match=r"aws\.quotas\.ec2:\*"):
        quota_of("ec2:DescribeInstances", {"ec2:*": rate})
