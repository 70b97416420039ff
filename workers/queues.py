"""How many task messages wait in Celery's queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kombu.connection import Connection

from tasks.depths import QueueDepths
from tasks.foreign.rules import push_queues
from tasks.lanes import LANES, queue_of
from tasks.redis_client import tls_options as redis_tls
from tasks.results.amqp_link import tls_options as amqp_tls
from tasks.schedule import PLAN_QUEUE
from telemetry.broker import Address
from telemetry.settings import Settings

_CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True)
class _Broker:
    """The same without the application: to make that loads every service, which takes longer than to ask."""

    address: Address

    def connection_for_read(self) -> Any:
        secure = redis_tls(self.address) if self.address.is_redis else amqp_tls(self.address)
        return Connection(self.address.url.get_secret_value(), ssl=secure or False, connect_timeout=_CONNECT_TIMEOUT)


def task_queue_depths(settings: Settings) -> dict[str, int]:
    """Messages waiting by queue, 0 for one that nobody has used yet; OperationalError where the broker does not answer.

    Tasks that a worker holds do not count. A lane is named where something waits on it.
    """
    if settings.broker.address is None:
        return {}
    depths = QueueDepths(_Broker(settings.broker.address))
    try:
        queues = task_queues(settings)
        lanes = [queue_of(queue, lane) for queue in _collected(settings) for lane in LANES]
        found = depths.read([*queues, *lanes])
        return {name: count for name, count in sorted(found.items()) if count or name in queues}
    finally:
        depths.close()


def task_queues(settings: Settings) -> list[str]:
    """The names of Celery's queues, by the configuration."""
    return sorted({PLAN_QUEUE, *(name for name, _ in push_queues(settings.push_sources)), *_collected(settings)})


def _collected(settings: Settings) -> set[str]:
    """Those of the accounts."""
    return {
        account.queue
        for provider, section in settings.providers()
        for account in section.accounts_of(provider)
        if account.services
    }
