"""How often Google may be asked; ``gcp.quotas`` in the configuration has precedence."""

from __future__ import annotations

from collections.abc import Mapping

from agents.core.limits import Quota
from agents.core.quotas import configured_quota

# Each project has its own, shown in the Cloud console; these are below what a new project has.
_USUAL: Mapping[str, Quota] = {
    "monitoring:*": Quota(20, 40),
    "cloudasset:*": Quota(1.5, 20),
    "cloudbilling:*": Quota(5, 20),
    "bigquery:*": Quota(10, 20),
}


def quota_of(api: str, configured: Mapping[str, float]) -> tuple[str, Quota]:
    """The group that ``api`` (``monitoring:ListTimeSeries``) shares its quota with, and that quota.

    A group is named by its pattern: ``monitoring:*``. ``configured`` holds calls a second by such patterns, of which
    the longest counts.
    """
    own = configured_quota(api, configured, "gcp.quotas")
    if own is not None:
        return own
    group = f"{api.partition(':')[0]}:*"
    return group, _USUAL.get(group, Quota(5, 10))
