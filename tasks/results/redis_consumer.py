"""A member of the stream's consumer group.

The group remembers who holds which entry since when. A consumer tells it every second that it still holds what it
holds; entries about which nobody said so for ``claim_after`` seconds go to whoever looks next.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from tasks.redis_client import explain, is_of_a_cluster
from tasks.results.carrier import Delivery
from tasks.results.outage import Outage, describe
from tasks.results.redis_scripts import FITTING, FORGET, RENEW, TOUCH, TRIM
from telemetry.broker import SOURCE
from telemetry.errors import ConfigError

log = logging.getLogger(__name__)

BODY = b"body"
LOOK_EVERY = 1.0
"""Seconds between two looks at what others left, at the most."""
TRIM_AFTER = 500
"""Acknowledgements after which the stream is trimmed, if a look does not come first."""
_CLAIMED_AT_ONCE = 4
"""Entries of others, however large: nobody has told their sizes."""
_WHILE_EMPTY = 4
_FAR_AHEAD = 3600 * 1000
"""Milliseconds that the id of an entry may be ahead of our clock."""
_ACKS_AT_ONCE = 1000
_GIVEN_BACK = 24 * 3600 * 1000  # milliseconds of idleness: more than any claim_after
_REFUSALS = (AuthenticationError, AuthorizationError, NoPermissionError)
_FROM_THE_START = b"0-0"


class RedisConsumer:
    """Takes entries off the stream, as one of its group."""

    def __init__(self, client: Redis, key: str, group: str, where: str, *, claim_after: float, most_bytes: int) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._client = client
        self._key = key
        self._group = group
        self._where = where
        self._claim_after = claim_after
        self._outage = Outage(where)
        self._touch = client.register_script(TOUCH)
        self._trim = client.register_script(TRIM)
        self._forget = client.register_script(FORGET)
        self._fitting = client.register_script(FITTING)
        self._anew = client.register_script(RENEW)
        self._most_bytes = most_bytes
        self._is_ahead = False  # an entry had an id of a time that is still to come
        self._held: set[bytes] = set()
        self._acked: list[bytes] = []  # done, and not yet said so
        self._untrimmed = 0
        timeout = client.connection_pool.connection_kwargs.get("socket_timeout") or LOOK_EVERY * 2
        # A read that blocks has to come back before the socket gives it up.
        self._look_every = min(LOOK_EVERY, claim_after / 4, timeout / 2)
        self._look_at = 0.0
        self._forget_at = 0.0
        self._hold_at = 0.0
        self._cursor = _FROM_THE_START

    def receive(self, max_messages: int, wait: float) -> list[Delivery]:
        """Up to ``max_messages`` entries: first what a dead consumer held, then new ones."""
        deadline = time.monotonic() + wait
        while self._outage.wait(deadline):
            try:
                found = self._receive(max_messages, deadline)
            except RedisError as error:
                self._fail(error)
            else:
                self._outage.over()
                if found or time.monotonic() >= deadline:
                    return found
        return []

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge; what cannot be said now, because the server is away, is said with the next receive."""
        ids = _ids(deliveries)
        self._held.difference_update(ids)
        self._acked.extend(ids)
        if self._outage.wait(0.0):
            self._attempt(self._send_acks)

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Make them look long forgotten, so that the next look of any consumer takes them."""
        ids = self._held.intersection(_ids(deliveries))
        self._held -= ids
        self._attempt(lambda: self._set_idle(ids, _GIVEN_BACK))

    def hold(self) -> None:
        """Renew the claim on what is held, as often as a receive would."""
        now = time.monotonic()
        if now >= self._hold_at and self._outage.wait(0.0):
            self._hold_at = now + self._look_every
            self._attempt(self._renew)

    def close(self) -> None:
        """Say what is still to be said, give back the rest, leave the group, disconnect."""
        try:
            self._send_acks()
            self._set_idle(self._held, _GIVEN_BACK)
            self._trim(keys=[self._key], args=[self._group])
            self._forget(keys=[self._key], args=[self._group, 0, self.name])
        except RedisError as error:
            log.info("results queue: %s left %s without a word (%s)", self.name, self._where, describe(error))
        self._client.close()

    def _receive(self, max_messages: int, deadline: float) -> list[Delivery]:
        try:
            return self._take(max_messages, deadline)
        except ResponseError as error:
            if not _is_gone(error):
                raise
        self._create_group()
        return []

    def _take(self, max_messages: int, deadline: float) -> list[Delivery]:
        self._send_acks()
        now = time.monotonic()
        if now >= self._look_at:
            self._keep_house(now)
            if found := self._take_over(max_messages):
                return found  # and look again at once: there may be more
            self._look_at = now + self._look_every
        return self._read(max_messages, min(deadline - now, self._look_at - now))

    def _read(self, max_messages: int, wait: float) -> list[Delivery]:
        block = max(0, int(wait * 1000)) or None  # to Redis, 0 is for ever
        fitting = cast("int", self._fitting(keys=[self._key], args=[self._group, max_messages, self._most_bytes]))
        count = fitting or min(max_messages, _WHILE_EMPTY)
        reply = self._client.xreadgroup(self._group, self.name, {self._key: ">"}, count=count, block=block)
        entries = [entry for _, found in cast("list[Any]", reply or []) for entry in found]
        return self._deliver((entry_id, fields, 1) for entry_id, fields in entries)

    def _take_over(self, max_messages: int) -> list[Delivery]:
        idle, count = int(self._claim_after * 1000), min(max_messages, _CLAIMED_AT_ONCE)
        reply = self._client.xautoclaim(
            self._key, self._group, self.name, min_idle_time=idle, start_id=self._cursor, count=count
        )
        self._cursor = reply[0]
        # Before Redis 7, an entry that somebody deleted comes as nothing.
        entries = {entry_id: fields for entry_id, fields in reply[1] if entry_id is not None}
        if not entries:
            return []
        log.info("results queue: %s takes over %d messages", self.name, len(entries))
        counts = self._delivery_counts(entries)
        return self._deliver(
            (entry_id, fields, counts[entry_id]) for entry_id, fields in entries.items() if entry_id in counts
        )

    def _delivery_counts(self, ids: Iterable[bytes]) -> dict[bytes, int]:
        """How often each was delivered; what was acknowledged in the meantime is left out."""
        pipeline = self._client.pipeline(transaction=False)
        for entry_id in ids:
            pipeline.xpending_range(self._key, self._group, min=entry_id, max=entry_id, count=1)
        rows = [row for found in pipeline.execute() for row in found]
        return {row["message_id"]: row["times_delivered"] for row in rows}

    def _deliver(self, entries: Iterable[tuple[bytes, dict[bytes, bytes], int]]) -> list[Delivery]:
        found = [
            Delivery(body=fields.get(BODY, b""), delivery_count=count, published_at=_time_of(entry_id), tag=entry_id)
            for entry_id, fields, count in entries
        ]
        self._held.update(_ids(found))
        now = time.time() * 1000
        self._is_ahead = self._is_ahead or any(_milliseconds(tag) > now + _FAR_AHEAD for tag in _ids(found))
        return found

    def _keep_house(self, now: float) -> None:
        self._renew()
        if self._untrimmed:
            self._trim(keys=[self._key], args=[self._group])
            self._untrimmed = 0
        if self._is_ahead:
            self._is_ahead = not self._anew(keys=[self._key], args=[self._group])
        if now >= self._forget_at:
            self._forget(keys=[self._key], args=[self._group, int(self._claim_after * 1000), ""])
            self._forget_at = now + self._claim_after

    def _renew(self) -> None:
        # What was taken over by another, while this one gave no sign, is no longer to be kept.
        self._held = set(self._set_idle(self._held, 0))

    def _set_idle(self, ids: Iterable[bytes], idle: int) -> list[bytes]:
        """Those of the entries that this consumer still holds; they now count as idle for ``idle`` milliseconds."""
        if not (listed := list(ids)):
            return []
        return cast("list[bytes]", self._touch(keys=[self._key], args=[self._group, self.name, idle, *listed]))

    def _send_acks(self) -> None:
        while self._acked:
            some = self._acked[:_ACKS_AT_ONCE]
            self._client.xack(self._key, self._group, *some)
            del self._acked[: len(some)]
            self._untrimmed += len(some)
        if self._untrimmed >= TRIM_AFTER:
            self._trim(keys=[self._key], args=[self._group])
            self._untrimmed = 0

    def _create_group(self) -> None:
        self._held.clear()
        self._acked.clear()
        self._cursor = _FROM_THE_START
        if create_group(self._client, self._key, self._group):
            log.info("results queue: created the group %s of %s on %s", self._group, self._key, self._where)

    def _attempt(self, step: Any) -> None:
        try:
            step()
        except RedisError as error:
            if not _is_gone(error):
                self._outage.failed(error)

    def _fail(self, error: RedisError) -> None:
        """Wait and try again, unless waiting does not mend it."""
        refused = isinstance(error, _REFUSALS) or is_of_a_cluster(error)
        if refused or str(error).startswith(("WRONGTYPE", "unknown command")):
            raise ConfigError(SOURCE, (f"{self._where} refuses to read {self._key}: {explain(error)}",)) from error
        self._outage.failed(error)


def create_group(client: Redis, key: str, group: str) -> bool:
    """Create stream and group where they are missing, the group before the first entry: whether it was missing."""
    try:
        client.xgroup_create(key, group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
        return False
    return True


def _is_gone(error: RedisError) -> bool:
    """Whether stream or group do not exist (UNBLOCKED: they went away below a read that was waiting, Redis 6)."""
    return any(word in str(error) for word in ("NOGROUP", "UNBLOCKED"))


def _ids(deliveries: Iterable[Delivery]) -> list[bytes]:
    return [cast("bytes", delivery.tag) for delivery in deliveries]


def _milliseconds(entry_id: bytes) -> int:
    return int(entry_id.split(b"-")[0])


def _time_of(entry_id: bytes) -> datetime | None:
    try:
        return datetime.fromtimestamp(_milliseconds(entry_id) / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # whoever appends may choose the id
        return None
