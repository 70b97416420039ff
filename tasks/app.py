"""The Celery application: ``celery -A tasks.app worker -Q collect.aws``, ``... beat``, ``... flower``.

Reads the configuration when it is imported; faults in it stop the process with a list of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup
from kombu.entity import Exchange, Queue

from tasks.foreign.rules import push_queues, queue_rules
from tasks.foreign.transport import use_guarded
from tasks.logs import follow
from tasks.redis_client import tls_options as redis_tls
from tasks.results.amqp_link import tls_options as amqp_tls
from tasks.schedule import PLAN_QUEUE, beat_schedule
from tasks.targets import plan_targets
from telemetry.broker import Address
from telemetry.errors import ConfigError
from telemetry.settings import Settings, load_settings
from telemetry.terminal import complain

_CELERYS = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
_TASK_EXCHANGE = Exchange("finfleet.tasks", type="direct")


def make_app(settings: Settings) -> Celery:
    """The application for one configuration; ConfigError where a part of it cannot be collected."""
    _refuse_other_brokers(os.environ)
    address = settings.broker.address
    planned = plan_targets(settings)
    public = [name for name, _ in push_queues(settings.push_sources)]
    rules = queue_rules(settings, planned)
    app = Celery(
        "finfleet",
        task_cls="tasks.outcome:FleetTask",
        include=["tasks.plan", "tasks.collect", "tasks.push", "tasks.foreign.letters"],
    )
    app.queue_rules = rules
    app.conf.update(
        **_transport(address),
        broker_transport_options=_transport_options(address, settings),
        beat_schedule=beat_schedule(settings, planned),
        task_queues=[
            # Each public queue has an exchange of its own: a broker's permissions are those of exchanges.
            Queue(name, Exchange(name, type="direct") if name in public else _TASK_EXCHANGE, routing_key=name)
            for name in sorted(rules)
        ],
        task_default_queue=PLAN_QUEUE,
        task_default_exchange=_TASK_EXCHANGE.name,
        task_default_routing_key=PLAN_QUEUE,
        **_RELIABILITY,
        worker_concurrency=settings.collect.concurrency,
        timezone="UTC",
    )
    return app


# Each of these was measured or learnt the hard way: docs/adr/0002-celery-settings.md.
_RELIABILITY: dict[str, Any] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_track_started": True,
    "worker_send_task_events": True,
    "worker_prefetch_multiplier": 1,
    "worker_pool": "threads",
    "worker_soft_shutdown_timeout": 30,
    "worker_enable_soft_shutdown_on_idle": False,
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    "worker_redirect_stdouts": False,
    "worker_hijack_root_logger": True,
    "worker_consumer": "tasks.foreign.consumer:GuardedConsumer",
    "worker_eta_task_limit": 1000,
    # For ever: what ends a process helps nobody while the broker is away.
    "broker_connection_retry_on_startup": True,
    "broker_connection_retry": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
}


def _refuse_other_brokers(environ: Mapping[str, str]) -> None:
    """Celery's own variables would come before the address that was read and checked, in its processes alone."""
    if given := [name for name in _CELERYS if environ.get(name)]:
        problem = f"{given[0]}: unset it, since the broker is named by broker.url or FINFLEET_BROKER_URL alone"
        raise ConfigError("environment", (problem,))


def _transport(address: Address | None) -> dict[str, Any]:
    """Kombu's transport for this broker, with our checks in it."""
    if address is None:
        return {}
    use_guarded(address.scheme)
    secure = redis_tls(address) if address.is_redis else amqp_tls(address)
    return {"broker_url": address.url.get_secret_value(), **({"broker_use_ssl": secure} if secure else {})}


def _transport_options(address: Address | None, settings: Settings) -> dict[str, Any]:
    if address is None or not address.is_redis:
        return {}
    return {
        # Longer than a task lives: the ledger takes an attempt for lost, and hands out another one, before Redis does.
        "visibility_timeout": 2 * settings.ledger.lease.total_seconds(),
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }


def _load() -> Celery:
    try:
        # Beat and the planner need no credentials; a worker's are asked for when its queues are known, and the database
        # when the planner uses it.
        return make_app(load_settings(providers=(), forwards=False, stores=False))
    except ConfigError as error:
        complain(error)  # there is no logging yet
        raise SystemExit(78) from None  # EX_CONFIG


@celeryd_after_setup.connect
def _check_credentials(instance: Any, **_: object) -> None:
    """Stop a worker at its start where the credentials of what it is to collect are missing."""
    from tasks.runtime import runtime  # noqa: PLC0415 - only workers need it, and it needs us

    runtime.warm_up(set(instance.app.amqp.queues.consume_from))


follow()
app = _load()
