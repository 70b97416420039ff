"""``opencost:``: clusters, each an account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from telemetry.settings.fields import Duration, Section, WebAddress, is_loopback
from telemetry.settings.providers import AccountEntry, ProviderSettings

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""ISO 4217."""


class ClusterAccess(Section):
    """How the OpenCost of a cluster is reached, and what its figures mean."""

    #: Of its HTTP API: ``http://localhost:9003``; behind the API server of Kubernetes
    #: ``https://SERVER/api/v1/namespaces/opencost/services/opencost:9003/proxy``.
    url: WebAddress | None = None
    #: A bearer token, where a proxy before it asks for one.
    token: SecretStr | None = None
    #: Of its prices, which its answers do not tell. Without one, no amount is collected.
    currency: Currency | None = None


class ClusterEntry(AccountEntry, ClusterAccess):
    """A cluster; what it leaves out is taken from the section."""

    #: A cluster is asked whole.
    regions: None = None


class OpenCostSettings(ProviderSettings, ClusterAccess):
    """``opencost:``."""

    endpoint_names = ("api",)
    variables = ("OPENCOST_",)

    accounts: tuple[ClusterEntry, ...] = ()
    #: What OpenCost calls idle: paid for, and allocated to nobody.
    include_idle: bool = True
    #: Of silence, in the middle of an answer too.
    timeout: Duration = timedelta(seconds=60)
    #: Of an answer, unpacked.
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1, le=1024 * 1024 * 1024)
    #: A token over plain http to another machine: it travels in the open.
    allow_plaintext: bool = False

    def _entries(self) -> tuple[AccountEntry, ...]:
        return self.accounts

    def access(self, name: str) -> ClusterAccess:
        """How the cluster of that name is reached, complete."""
        entry = next((one for one in self.accounts if one.name == name), None)
        own = entry or ClusterAccess()
        return ClusterAccess(
            url=own.url or self.endpoints.get("api") or self.url,
            token=own.token or self.token,
            currency=own.currency or self.currency,
        )

    @model_validator(mode="after")
    def _each_cluster_can_be_asked(self) -> Self:
        for name, access in self._clusters() if self.enabled else ():
            if access.url is None:
                raise ValueError(f"{name}: set its url, such as http://localhost:9003")
            parts = urlsplit(access.url)
            open_to_all = parts.scheme == "http" and not is_loopback(parts.hostname or "")
            if access.token and open_to_all and not self.allow_plaintext:
                raise ValueError(f"{name}: plain http shows the token: use https, or set allow_plaintext")
        return self

    def _clusters(self) -> Iterator[tuple[str, ClusterAccess]]:
        for account in self.accounts_of("opencost"):
            yield account.name, self.access(account.name)
