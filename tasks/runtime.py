"""What the tasks of one process share: settings, database, publisher, Redis, the agents' sessions.

Made when they are first needed: nothing is read or connected at import, a worker of a provider's pool never connects
to the database, and the planner never loads an SDK.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import redis

from agents.core.context import Shared
from agents.core.provider import find_provider
from agents.core.service import find
from storage.database import Database
from tasks.lanes import queues_of
from tasks.limits import RedisLimiter
from tasks.price_cache import RedisPriceCache
from tasks.redis_client import redis_of
from tasks.results import NAME, Carrier, Publisher, open_carrier
from tasks.same_accounts import same_accounts
from tasks.spend import RedisSpend
from tasks.targets import Planned, plan_targets
from tasks.unread_exports import unread_exports
from telemetry.errors import ConfigError
from telemetry.settings import Settings, load_settings
from telemetry.terminal import complain

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Runtime:
    """What is shared, each part made once. Any number of threads may ask."""

    def __init__(self) -> None:
        """Make nothing yet."""
        self._made: dict[object, Any] = {}
        self._lock = threading.RLock()

    def settings(self) -> Settings:
        """The configuration, without the credentials of any provider."""
        return self._once("settings", lambda: load_settings(providers=(), forwards=False, stores=False))

    def planned(self) -> dict[tuple[str, str], Planned]:
        """Every (provider, service) that is configured."""
        return self._once("planned", self._plan)

    def database(self) -> Database:
        """The database: for the planner only."""
        return self._once("database", self._open_database)

    def carrier(self, name: str = NAME) -> Carrier:
        """One of the results queues."""
        return self._once(("carrier", name), lambda: self._open_carrier(name))

    def publisher(self, name: str = NAME) -> Publisher:
        """The way onto one of the results queues; any number of threads may share it."""
        return self._once(("publisher", name), lambda: self.carrier(name).publisher())

    def redis_client(self) -> redis.Redis | None:
        """The Redis that the fleet shares beside its queues; None where none is configured."""
        return self._once("redis", lambda: redis_of(self.settings().broker))

    def shared(self, provider: str) -> Shared:
        """What the collections of one provider share; ConfigError where its credentials are not configured."""
        return self._once(("shared", provider), lambda: self._open_shared(provider))

    def warm_up(self, queues: Collection[str]) -> None:
        """Before the first task of a worker of ``queues``: check its configuration, start what samples by itself."""
        try:
            for (provider, name), plan in self.planned().items():
                if not queues_of(plan).isdisjoint(queues):
                    find_provider(provider).require()
                    find(provider, name).warmed_up(self.shared(provider))
        except ConfigError as error:
            complain(error)  # the worker has no logging yet
            raise SystemExit(78) from None  # EX_CONFIG

    def _once(self, key: object, make: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            made: T = self._made[key]
            return made

    def _plan(self) -> dict[tuple[str, str], Planned]:
        planned = plan_targets(self.settings())
        for line in (*same_accounts(self.settings(), planned), *unread_exports(self.settings())):
            logger.warning("%s", line)
        return planned

    def _open_database(self) -> Database:
        url = self.settings().database.url
        if url is None:
            raise ConfigError("configuration", ("database.url: set it, or FINFLEET_DATABASE_URL, for the planner",))
        return Database(url, application="finfleet plan")

    def _open_carrier(self, name: str) -> Carrier:
        address = self.settings().broker.address
        if address is None:
            raise ConfigError("configuration", ("broker.url: set it, or FINFLEET_BROKER_URL",))
        return open_carrier(address, name)

    def _open_shared(self, provider: str) -> Shared:
        own = load_settings(providers={provider}, forwards=False, stores=False)
        client = self.redis_client()
        if client is None:
            logger.warning("no Redis is configured: quotas are kept per process; set broker.redis_url to share them")
            return Shared(own)
        return Shared(own, limiter=RedisLimiter(client), prices=RedisPriceCache(client), spend=RedisSpend(client))


runtime = Runtime()
"""That of this process."""
