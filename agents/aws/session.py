"""One boto3 session per account, shared by all threads of the process, with its clients.

Clients may be used by many threads, a Session may not: so clients are made under a lock, once per service and region.
A session per region would take three times the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from agents.aws.checks import check_names
from agents.aws.credentials import Identity, open_session
from agents.aws.events import watch
from agents.aws.settings import AwsSettings
from agents.aws.sources import load
from agents.core.context import Shared
from agents.core.sessions import Sessions
from telemetry.errors import CollectionFailed
from telemetry.settings import Account

_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 30
_ATTEMPTS = 4
"""botocore's own retries are for the short throttles; past them the task and the ledger decide."""
_SPARE_CONNECTIONS = 2


class AwsSession:
    """The clients of one account, with one set of credentials."""

    def __init__(self, section: AwsSettings, account: Account, connections: int) -> None:
        """CollectionFailed where the configuration names a service or an operation that AWS does not have."""
        import boto3  # noqa: PLC0415 - an SDK is loaded where it is used

        self._section = section
        self._connections = connections
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str], Any] = {}
        identity = Identity.of(section, account.options)
        self.renewable = identity.renewable
        self._botocore = open_session(identity, self._sts)
        self._session = boto3.Session(botocore_session=self._botocore)
        check_names(section, self._botocore)

    def client(self, service: str, region: str) -> Any:
        """The client of a service (boto3's name of it) in a region; its requests are metered and limited."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                load(self._botocore)
                self._clients[key] = self._make(self._session, service, region)
            return self._clients[key]

    def pagination(self, service: str, operation: str) -> Any:
        """How botocore pages through ``operation``."""
        with self._lock:
            return self._botocore.get_paginator_model(service).get_paginator(operation)

    def partition(self, region: str) -> str:
        """The partition that a region is in: ``aws``, ``aws-cn`` ..."""
        from botocore.exceptions import UnknownRegionError  # noqa: PLC0415 - an SDK is loaded where it is used

        with self._lock:
            try:
                return str(self._botocore.get_partition_for_region(region))
            except UnknownRegionError:
                raise CollectionFailed(f"aws: there is no region {region!r}: correct aws.regions") from None

    def _sts(self, source: Any, **keys: Any) -> Any:
        import boto3  # noqa: PLC0415 - an SDK is loaded where it is used

        with self._lock:
            return self._make(boto3.Session(botocore_session=source), "sts", self._section.region, **keys)

    def _make(self, session: Any, service: str, region: str, **keys: Any) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - an SDK is loaded where it is used

        client = session.client(
            service,
            region_name=region,
            endpoint_url=self._section.endpoints.get(service),
            verify=self._section.ca_file,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                max_pool_connections=self._connections + _SPARE_CONNECTIONS,
                user_agent_appid="finfleet",
            ),
            **keys,
        )
        watch(client, service, region)
        return client


class AwsAccount(Sessions[AwsSession]):
    """The present session of one account, and its number."""

    def __init__(self, shared: Shared, section: AwsSettings, account: Account) -> None:
        super().__init__()
        self._section = section
        self._account = account
        self._connections = shared.settings.collect.concurrency
        self._number: str | None = None
        self._numbering = threading.Lock()

    def number(self, ask: Callable[[], str]) -> str:
        """AWS's number of the account; ``ask`` asks it, once."""
        with self._numbering:
            if self._number is None:
                self._number = ask()
            return self._number

    def open(self) -> AwsSession:
        """See Sessions."""
        return AwsSession(self._section, self._account, self._connections)


def account_of(shared: Shared, account: Account) -> AwsAccount:
    """The account, one for the whole process."""
    section = shared.settings.section(AwsSettings)
    if section is None:
        raise CollectionFailed("aws is not configured on this worker: add a section aws: to its configuration")
    return shared.once(("aws", account.name), lambda: AwsAccount(shared, section, account))
