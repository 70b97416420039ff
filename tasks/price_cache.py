"""The price cache of the fleet, in Redis: a price is looked up once, whoever needs it."""

from __future__ import annotations

import logging
from datetime import timedelta

import redis

from agents.core.context import LocalPriceCache

logger = logging.getLogger(__name__)

_PREFIX = "finfleet:price:"


class RedisPriceCache:
    """Prices in Redis, with the ones of this process in front. Without Redis, prices are simply asked for again."""

    def __init__(self, client: redis.Redis) -> None:
        """Keep ``client``; no connection is made before the first use."""
        self._client = client
        self._local = LocalPriceCache()

    def get(self, key: str) -> str | None:
        """The text kept under ``key``, unless it is too old."""
        if (value := self._local.get(key)) is not None:
            return value
        try:
            found = self._client.get(_PREFIX + key)
            if not isinstance(found, bytes):
                return None
            left = int(self._client.ttl(_PREFIX + key))  # -1: kept for ever, -2: gone meanwhile
        except redis.RedisError as error:
            logger.warning("the price cache cannot be read: %s", error)
            return None
        try:
            value = found.decode()
        except UnicodeDecodeError:
            return None  # spoilt: asked for again
        if left > 0:
            self._local.put(key, value, timedelta(seconds=left))
        return value

    def put(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep ``value`` for ``ttl``."""
        self._local.put(key, value, ttl)
        try:
            self._client.set(_PREFIX + key, value, ex=ttl)
        except redis.RedisError as error:
            logger.warning("the price cache cannot be written: %s", error)
