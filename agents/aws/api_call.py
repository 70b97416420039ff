"""A call of AWS's, and the quota that it takes from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.aws.quotas import quota_of
from agents.aws.settings import AwsSettings
from agents.core.api_call import ApiCall
from agents.core.context import Context
from agents.core.limits import Scope


@dataclass(frozen=True)
class AwsCall(ApiCall):
    """A call in one region."""

    region: str
    #: What it is paid by: metrics asked for, pages ...
    units: int = 1

    def __str__(self) -> str:
        return f"aws/{self.account}/{self.region} {self.api}"

    @property
    def service(self) -> str:
        """boto3's name of the service."""
        return self.api.partition(":")[0]

    @property
    def operation(self) -> str:
        """``DescribeInstances``."""
        return self.api.partition(":")[2]

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What AWS counts the calls of: ``aws/ACCOUNT/REGION/ec2:Describe*``."""
        group, quota = quota_of(self.api, quotas_of(self.context))
        return (Scope(f"aws/{self.account}/{self.region}/{group}", quota),)

    def with_request(self, service: str, operation: str, region: str) -> AwsCall:
        """The same, where the request is another one: a role is assumed on the way."""
        return replace(self, api=f"{service}:{operation}", region=region)


def quotas_of(context: Context) -> dict[str, float]:
    """The configured quotas."""
    section = context.shared.settings.section(AwsSettings)
    return section.quotas if section is not None else {}
