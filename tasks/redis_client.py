"""The Redis that the fleet shares beside its queues: rate limit, spending and price cache."""

from __future__ import annotations

import redis
from redis.backoff import FullJitterBackoff
from redis.retry import Retry

from telemetry.settings.model import BrokerSettings


def redis_of(broker: BrokerSettings) -> redis.Redis | None:
    """A client of ``broker.redis_url``, else of the broker itself where it is Redis, else None. Thread-safe."""
    for url in (broker.redis_url, broker.url):
        if url is not None and url.get_secret_value().startswith("redis"):
            return redis.Redis.from_url(
                url.get_secret_value(),
                socket_timeout=10,
                socket_connect_timeout=5,
                socket_keepalive=True,
                health_check_interval=25,
                retry=Retry(FullJitterBackoff(cap=2, base=0.05), 3),
                client_name="finfleet",
            )
    return None
