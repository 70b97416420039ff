"""How often AWS may be asked, as it publishes it; ``aws.quotas`` in the configuration has precedence."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from agents.core.limits import Quota
from agents.core.quotas import configured_quota

_PUBLISHED: Mapping[str, Quota] = {
    # Paginated or filtered calls; an unpaginated DescribeInstances would have half of it.
    "ec2:Describe*": Quota(20, 100),
    "cloudwatch:GetMetricData": Quota(50, 50),
    # GetObject and HeadObject: 5,500 a second for each prefix of a bucket, of which a tenth is more than is needed.
    "s3:*Object": Quota(500, 500),
    # Not published: modest.
    "pricing:GetProducts": Quota(5, 20),
}
_UNPUBLISHED = Quota(10, 20)


def quota_of(api: str, configured: Mapping[str, float]) -> tuple[str, Quota]:
    """The group that ``api`` (``ec2:DescribeInstances``) shares its quota with, and that quota.

    A group is named by its pattern: ``ec2:Describe*``. ``configured`` holds calls a second by such patterns, of which
    the longest counts. CollectionFailed where that is not above 0.
    """
    own = configured_quota(api, configured, "aws.quotas")
    if own is not None:
        return own
    for pattern, quota in _PUBLISHED.items():
        if fnmatchcase(api, pattern):
            return pattern, quota
    return f"{api.partition(':')[0]}:*", _UNPUBLISHED
