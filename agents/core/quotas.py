"""How often a provider may be asked, as the configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from agents.core.limits import Quota
from telemetry.errors import CollectionFailed


def configured_quota(api: str, configured: Mapping[str, float], where: str) -> tuple[str, Quota] | None:
    """The pattern that ``api`` (``ec2:DescribeInstances``) goes by, and its quota; None where none is configured.

    Args:
        api: the call.
        configured: calls a second by patterns of such names, of which the longest counts.
        where: that is written, for the message: CollectionFailed where the rate lets nothing through.
    """
    for pattern in sorted(configured, key=len, reverse=True):
        if fnmatchcase(api, pattern):
            rate = configured[pattern]
            if not rate > 0:
                raise CollectionFailed(f"{where}.{pattern}: {rate}: calls a second, more than 0")
            return pattern, Quota(rate, max(1, round(rate)))
    return None
