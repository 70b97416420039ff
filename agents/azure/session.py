"""The credential, the connections and the clients of one account, shared by all threads of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from agents.azure.clouds import address_of, scope_for
from agents.azure.credentials import Identity, SharedCredential, open_credential
from agents.azure.login import broken_source
from agents.azure.settings import AzureSettings
from agents.azure.transport import WatchedTransport, open_transport
from agents.core.context import Shared
from agents.core.sessions import Sessions
from telemetry.errors import CollectionFailed
from telemetry.settings import Account

T = TypeVar("T")

_SPARE_CONNECTIONS = 2
_MANAGER = "resource_manager"
# By the first part of an API's name: the client that asks it, and the endpoint that its token is for.
_NEEDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "resourcegraph": ("graph", _MANAGER),
        "costmanagement": ("costs", _MANAGER),
        "logs": ("logs", "logs"),
        "retailprices": ("prices", ""),
    }
)


class AzureSession:
    """One account with one credential, and the tokens that it was given."""

    def __init__(self, section: AzureSettings, identity: Identity, transport: WatchedTransport) -> None:
        self.identity = identity
        self._section = section
        self._lock = threading.RLock()
        self._clients: dict[object, Any] = {}
        self._prepared: set[tuple[str, str]] = set()
        self._transport = transport
        try:
            self._credential = SharedCredential(open_credential(section, identity, transport))
        except Exception as error:  # noqa: BLE001 - a file that is not there, a certificate that is broken ...
            raise broken_source(error, identity) from None

    def prepare(self, api: str, region: str = "") -> None:
        """Load what ``api`` (``metrics:getBatch``) is asked with, and get its token, where it was not done before.

        Both may take seconds: in a call that has its turn already, they would let it arrive together with the next.
        """
        if (api, region) in self._prepared:
            return
        group = api.partition(":")[0]
        if group == "metrics":
            self.metrics(region)
            endpoint = "metrics"
        else:
            client, endpoint = _NEEDS.get(group, (_MANAGER, _MANAGER))
            getattr(self, client)
        if endpoint:
            self._credential.get_token(scope_for(self._section, endpoint))
        self._prepared.add((api, region))

    @property
    def graph(self) -> Any:
        """azure.mgmt.resourcegraph.ResourceGraphClient."""
        return self._once("graph", self._open_graph)

    @property
    def costs(self) -> Any:
        """azure.mgmt.costmanagement.CostManagementClient."""
        return self._once("costs", self._open_costs)

    @property
    def logs(self) -> Any:
        """azure.monitor.query.LogsQueryClient."""
        return self._once("logs", self._open_logs)

    @property
    def resource_manager(self) -> Any:
        """azure.core.PipelineClient of the Resource Manager, for what has no small SDK."""
        return self._once("resource_manager", self._open_resource_manager)

    @property
    def prices(self) -> Any:
        """azure.core.PipelineClient of the Retail Prices API, which anyone may ask; None where the cloud has none."""
        return self._once("prices", self._open_prices)

    def metrics(self, region: str) -> Any:
        """azure.monitor.querymetrics.MetricsClient of a region."""
        return self._once(("metrics", region), lambda: self._open_metrics(region))

    def storage_token(self) -> Any:
        """azure.core.credentials.AccessToken for storage accounts."""
        return self._credential.get_token(scope_for(self._section, "storage"))

    def _once(self, key: object, make: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._clients:
                self._clients[key] = make()
            made: T = self._clients[key]
            return made

    @property
    def _options(self) -> dict[str, Any]:
        # The SDKs' own attempts are off: ours keep to the fleet's limit.
        return {"transport": self._transport, "retry_total": 0, "user_agent": "finfleet"}

    def _manager(self) -> dict[str, Any]:
        return {
            "base_url": address_of(self._section, "resource_manager"),
            "credential_scopes": [scope_for(self._section, "resource_manager")],
            **self._options,
        }

    def _open_graph(self) -> Any:
        from azure.mgmt.resourcegraph import ResourceGraphClient  # noqa: PLC0415 - an SDK is loaded where it is used

        return ResourceGraphClient(self._credential, **self._manager())

    def _open_costs(self) -> Any:
        from azure.mgmt.costmanagement import CostManagementClient  # noqa: PLC0415 - an SDK is loaded where it is used

        return CostManagementClient(self._credential, **self._manager())

    def _open_logs(self) -> Any:
        from azure.monitor.query import LogsQueryClient  # noqa: PLC0415 - an SDK is loaded where it is used

        scopes = [scope_for(self._section, "logs")]
        address = address_of(self._section, "logs")
        return LogsQueryClient(self._credential, endpoint=address, credential_scopes=scopes, **self._options)

    def _open_metrics(self, region: str) -> Any:
        from azure.monitor.querymetrics import MetricsClient  # noqa: PLC0415 - an SDK is loaded where it is used

        scopes = [scope_for(self._section, "metrics")]
        address = address_of(self._section, "metrics", region)
        return MetricsClient(address, self._credential, credential_scopes=scopes, **self._options)

    def _open_resource_manager(self) -> Any:
        from azure.core.pipeline import policies  # noqa: PLC0415 - an SDK is loaded where it is used

        scope = scope_for(self._section, "resource_manager")
        own = policies.BearerTokenCredentialPolicy(self._credential, scope)
        return self._plain(address_of(self._section, "resource_manager"), own)

    def _open_prices(self) -> Any:
        address = address_of(self._section, "prices")
        return self._plain(address) if address else None

    def _plain(self, address: str, *own: Any) -> Any:
        from azure.core import PipelineClient  # noqa: PLC0415 - an SDK is loaded where it is used
        from azure.core.pipeline import policies  # noqa: PLC0415 - an SDK is loaded where it is used

        chain = [policies.UserAgentPolicy("finfleet"), policies.ProxyPolicy(), *own]
        return PipelineClient(address, policies=chain, transport=self._transport)


class AzureAccount(Sessions[AzureSession]):
    """The present session of one account, whose connections outlive it."""

    def __init__(self, shared: Shared, section: AzureSettings, account: Account) -> None:
        super().__init__()
        self.identity = Identity.of(section, account.name, account.options)
        self._section = section
        self._connections = shared.settings.collect.concurrency + _SPARE_CONNECTIONS
        self._transport: WatchedTransport | None = None

    def open(self) -> AzureSession:
        """See Sessions."""
        if self._transport is None:
            self._transport = open_transport(self._section.ca_file, self._connections)
        return AzureSession(self._section, self.identity, self._transport)


def account_of(shared: Shared, account: Account) -> AzureAccount:
    """The account, one for the whole process."""
    section = section_of(shared)
    return shared.once(("azure", account.name), lambda: AzureAccount(shared, section, account))


def section_of(shared: Shared) -> AzureSettings:
    """The configuration's ``azure:``."""
    section = shared.settings.section(AzureSettings)
    if section is None:
        raise CollectionFailed("azure is not configured on this worker: add a section azure: to its configuration")
    return section
