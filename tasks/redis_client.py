"""Clients of Redis, as every part of the fleet makes them: sure who the server is, and quick to let go of it."""

from __future__ import annotations

import ssl
from typing import Any

import redis
from redis.backoff import FullJitterBackoff
from redis.connection import Connection, SSLConnection, parse_url
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    ClusterDownError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from tasks.results.outage import describe
from telemetry.broker import SOURCE, Address
from telemetry.errors import ConfigError
from telemetry.settings.model import BrokerSettings

CLUSTER = "it is a cluster, which keeps the keys of a queue apart: name a server that is none, or a proxy before one"
_OF_A_CLUSTER = (AskError, ClusterCrossSlotError, ClusterDownError, MovedError)


class _LetsGo:
    """Keeps no connection to a server that takes no changes: another one may be the primary by now."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """As redis-py's; the pool reconnects what is marked."""
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except ResponseError as error:
            if isinstance(error, ReadOnlyError) or "READONLY" in str(error):  # the latter: said within a script
                self.mark_for_reconnect()  # type: ignore[attr-defined]
            raise


class PlainConnection(_LetsGo, Connection):
    """A connection of ours."""


class SecureConnection(_LetsGo, SSLConnection):
    """The same over TLS."""


def tls_options(address: Address) -> dict[str, Any]:
    """What redis-py is told of TLS; kombu and Flower take the same."""
    if not address.is_secure:
        return {}
    options: dict[str, Any] = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    return options | ({"ssl_ca_certs": address.ca_file} if address.ca_file else {})


def client_of(address: Address, retry: Retry, **options: Any) -> redis.Redis:
    """A client of the server at this address. Thread-safe; connects when it is used."""
    parts: dict[str, Any] = parse_url(address.url.get_secret_value())  # type: ignore[no-untyped-call]
    kind = {"connection_class": SecureConnection if address.is_secure else PlainConnection}
    pool = redis.ConnectionPool(**{**parts, **tls_options(address), **options, **kind}, retry=retry)
    return redis.Redis.from_pool(pool)


def redis_of(broker: BrokerSettings) -> redis.Redis | None:
    """The Redis that the fleet shares beside its queues (rate limit, spending and price cache): None without one.

    That of ``broker.redis_url``, else the broker itself where it is Redis.
    """
    for address in (broker.redis_address, broker.address):
        if address is not None and address.is_redis:
            return client_of(
                address,
                Retry(FullJitterBackoff(cap=2, base=0.05), 3),
                socket_timeout=10,
                socket_connect_timeout=5,
                socket_keepalive=True,
                health_check_interval=25,
                client_name="finfleet",
            )
    return None


def is_of_a_cluster(error: BaseException) -> bool:
    """Whether only a server of a cluster answers so; the error may be what a library has made of that."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, _OF_A_CLUSTER):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def cluster_fault(address: str) -> ConfigError:
    """What a process ends with whose broker is one: waiting does not mend it."""
    return ConfigError(SOURCE, (f"{address}: {CLUSTER}",))


def explain(error: RedisError) -> str:
    """An error in one line, without secrets; what it means, where the server alone does not tell."""
    return f"{describe(error)}: {CLUSTER}" if is_of_a_cluster(error) else describe(error)
