"""The credentials and clients of one account, shared by all threads of the process.

Made at the first call, so after any fork: gRPC and fork do not mix.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from agents.core.context import Shared
from agents.core.sessions import Sessions
from agents.gcp.credentials import Identity, open_credentials, renew
from agents.gcp.settings import GcpSettings
from agents.gcp.transport import auth_request, open_channel, open_http
from telemetry.errors import CollectionFailed
from telemetry.settings import Account

T = TypeVar("T")

_ADDRESSES: Mapping[str, str] = {
    "monitoring": "https://monitoring.googleapis.com",
    "inventory": "https://cloudasset.googleapis.com",
    "billing": "https://cloudbilling.googleapis.com",
    "bigquery": "https://bigquery.googleapis.com",
}


class GcpSession:
    """One account with one set of credentials."""

    def __init__(self, section: GcpSettings, identity: Identity) -> None:
        """Denied where the credentials cannot be used."""
        opened = open_credentials(identity)
        project = identity.project_id or opened.project_id
        if project is None:
            raise CollectionFailed("gcp.project_id: it is not set, and the credentials do not tell it: set it")
        #: As it is configured, which may be by its number.
        self.project = project
        #: Its id, where that is not what is configured; empty until somebody has asked Google for it.
        self.project_id = ""
        self.identity = identity
        self._section = section
        self._credentials = opened.credentials
        self._request = auth_request(section.ca_file)
        self._lock = threading.RLock()
        self._clients: dict[str, Any] = {}

    @property
    def quota_project(self) -> str:
        """The project that Google counts the calls of."""
        return self.identity.quota_project or self.project

    def headers(self) -> dict[str, str]:
        """What a request bears: a token, renewed where it is about to expire, and the quota project.

        Not by ``before_request``: that also sends the token to Google's IAM, from a thread of its own, to learn of
        regional access boundaries, whichever endpoints are configured here.
        """
        headers: dict[str, str] = {}
        with self._lock:
            if not self._credentials.valid:
                renew(self._credentials, self._request)
            self._credentials.apply(headers)
        return headers

    def token(self) -> tuple[str, datetime | None]:
        """A token that is still good, and until when, where its source says so."""
        self.headers()
        expiry = getattr(self._credentials, "expiry", None)
        return self._credentials.token, None if expiry is None else expiry.replace(tzinfo=UTC)

    @property
    def monitoring(self) -> Any:
        """google.cloud.monitoring_v3.MetricServiceClient."""
        return self._once("monitoring", self._open_monitoring)

    @property
    def inventory(self) -> Any:
        """google.cloud.asset_v1.AssetServiceClient."""
        return self._once("inventory", self._open_inventory)

    @property
    def catalog(self) -> Any:
        """google.cloud.billing_v1.CloudCatalogClient."""
        return self._once("billing", self._open_catalog)

    def bigquery(self, send: Callable[..., Any]) -> Any:
        """google.cloud.bigquery.Client whose every request goes through ``send`` (agents.gcp.transport.open_http).

        The caller's own: which collection a request belongs to is in its ``send``. It costs no connection until used.
        """
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - an SDK is loaded where it is used
        from google.cloud import bigquery  # noqa: PLC0415 - an SDK is loaded where it is used

        return bigquery.Client(
            project=self.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # google-auth has no types for it
            _http=open_http(send, self._section.ca_file),
            client_options={"api_endpoint": self.address("bigquery")},
        )

    def address(self, api: str) -> str:
        """Where an API answers."""
        return self._section.endpoints.get(api, _ADDRESSES[api])

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._clients:
                self._clients[name] = make()
            made: T = self._clients[name]
            return made

    def _channel(self, api: str) -> Any:
        return open_channel(self.address(api), self._section.ca_file)

    def _open_monitoring(self) -> Any:
        from google.cloud import monitoring_v3  # noqa: PLC0415 - an SDK is loaded where it is used
        from google.cloud.monitoring_v3.services.metric_service.transports import (  # noqa: PLC0415 - the same
            MetricServiceGrpcTransport,
        )

        return monitoring_v3.MetricServiceClient(
            transport=MetricServiceGrpcTransport(channel=self._channel("monitoring"))
        )

    def _open_inventory(self) -> Any:
        from google.cloud import asset_v1  # noqa: PLC0415 - an SDK is loaded where it is used
        from google.cloud.asset_v1.services.asset_service.transports import (  # noqa: PLC0415 - the same
            AssetServiceGrpcTransport,
        )

        return asset_v1.AssetServiceClient(transport=AssetServiceGrpcTransport(channel=self._channel("inventory")))

    def _open_catalog(self) -> Any:
        from google.cloud import billing_v1  # noqa: PLC0415 - an SDK is loaded where it is used
        from google.cloud.billing_v1.services.cloud_catalog.transports import (  # noqa: PLC0415 - the same
            CloudCatalogGrpcTransport,
        )

        return billing_v1.CloudCatalogClient(transport=CloudCatalogGrpcTransport(channel=self._channel("billing")))


class GcpAccount(Sessions[GcpSession]):
    """The present session of one account."""

    def __init__(self, section: GcpSettings, account: Account) -> None:
        super().__init__()
        self._section = section
        self._identity = Identity.of(section, account.options)

    def open(self) -> GcpSession:
        """With the credentials as they are now: the file may hold another key than before."""
        return GcpSession(self._section, self._identity)


def account_of(shared: Shared, account: Account) -> GcpAccount:
    """The account, one for the whole process."""
    section = section_of(shared)
    return shared.once(("gcp", account.name), lambda: GcpAccount(section, account))


def section_of(shared: Shared) -> GcpSettings:
    """The configuration's ``gcp:``."""
    section = shared.settings.section(GcpSettings)
    if section is None:
        raise CollectionFailed("gcp is not configured on this worker: add a section gcp: to its configuration")
    return section
