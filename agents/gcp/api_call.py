"""A call of Google's, and the quota that it takes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agents.core.api_call import ApiCall
from agents.core.context import Context
from agents.core.limits import Scope
from agents.gcp.quotas import quota_of
from agents.gcp.settings import GcpSettings


@dataclass(frozen=True)
class GcpCall(ApiCall):
    """A call about one project."""

    #: The project that is collected, and the one whose quota the call uses.
    project: str
    quota_project: str

    def __str__(self) -> str:
        return f"gcp/{self.account}/{self.project} {self.api}"

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What Google counts the calls of: ``gcp/PROJECT/monitoring:*``."""
        group, quota = quota_of(self.api, quotas_of(self.context))
        return (Scope(f"gcp/{self.quota_project}/{group}", quota),)


def quotas_of(context: Context) -> Mapping[str, float]:
    """The configured quotas."""
    section = context.shared.settings.section(GcpSettings)
    return section.quotas if section is not None else {}
