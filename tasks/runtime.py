"""What the tasks of one process share: settings, database, publisher, limiter, the agents' sessions.

Made when they are first needed: a worker of a provider's pool never connects to the database, and the planner never
loads an SDK.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from agents.core.context import Shared
from agents.core.provider import find_provider
from agents.core.service import find
from storage.database import Database
from tasks.limits import make_limiter
from tasks.price_cache import make_price_cache
from tasks.results import NAME, Carrier, Publisher, open_carrier
from tasks.spend import make_spend
from tasks.targets import Planned, plan_targets
from telemetry.errors import ConfigError
from telemetry.settings import Settings, load_settings
from telemetry.terminal import complain

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
_lock = threading.RLock()


def _once(make: Callable[P, T]) -> Callable[P, T]:
    """Cache, and let only one thread make it."""
    kept = cache(make)

    @wraps(make)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with _lock:
            return kept(*args, **kwargs)  # type: ignore[arg-type]  # hashable by our own use

    return call


@_once
def settings() -> Settings:
    """The configuration, without the credentials of any provider."""
    return load_settings(providers=(), forwards=False, stores=False)


@_once
def planned() -> dict[tuple[str, str], Planned]:
    """Every (provider, service) that is configured."""
    return plan_targets(settings())


@_once
def database() -> Database:
    """The database: for the planner only."""
    url = settings().database.url
    if url is None:
        raise ConfigError("configuration", ("database.url: set it, or FINFLEET_DATABASE_URL, for the planner",))
    return Database(url, application="finfleet plan")


@_once
def carrier(name: str = NAME) -> Carrier:
    """One of the results queues."""
    url = settings().broker.url
    if url is None:
        raise ConfigError("configuration", ("broker.url: set it, or FINFLEET_BROKER_URL",))
    return open_carrier(url, name)


@_once
def publisher(name: str = NAME) -> Publisher:
    """The way onto one of the results queues; any number of threads may share it."""
    return carrier(name).publisher()


@_once
def shared(provider: str) -> Shared:
    """What the collections of one provider share; ConfigError where its credentials are not configured."""
    own = load_settings(providers={provider}, forwards=False, stores=False)
    return Shared(
        own,
        limiter=make_limiter(own.broker),
        prices=make_price_cache(own.broker),
        spend=make_spend(own.broker),
    )


def warm_up(queues: Collection[str]) -> None:
    """Before the first task of a worker of ``queues``: check its configuration, start what samples by itself."""
    try:
        for (provider, name), plan in planned().items():
            if any(target.queue in queues for target in plan.targets):
                find_provider(provider).require()
                find(provider, name).warm_up(shared(provider))
    except ConfigError as error:
        complain(error)  # the worker has no logging yet
        raise SystemExit(78) from None  # EX_CONFIG
