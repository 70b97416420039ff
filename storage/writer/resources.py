"""What is known of a resource beyond its identity, taken from the newest reading of it.

A reading that says the same again is written once an hour at the most: else every window would rewrite every resource.
So ``last_seen`` may lag by an hour, and a reading that comes late, and is older than one that was not written,
may describe the resource until it is next read. Numbers do not depend on it: a rate keeps the type of its own batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from storage.database import Connection
from storage.sql import load
from storage.writer.columns import int4s, int8s, moments
from storage.writer.memory import ResourceKey
from telemetry.batch import Batch
from telemetry.push.batches import is_pushed
from telemetry.records import Resource

_SQL = load("writer_identities")
_canonical = msgspec.msgpack.Encoder(order="sorted")
_json = msgspec.json.Encoder()


@dataclass(slots=True)
class Reading:
    """The newest of a transaction's readings of one resource, and since when it was read."""

    resource: Resource
    fingerprint: int
    first_seen: datetime
    last_seen: datetime

    def add(self, other: Reading) -> None:
        """Take in another reading of the same resource."""
        if (other.last_seen, other.fingerprint) > (self.last_seen, self.fingerprint):
            self.resource, self.fingerprint, self.last_seen = other.resource, other.fingerprint, other.last_seen
        self.first_seen = min(self.first_seen, other.first_seen)


def source_of(batch: Batch) -> str:
    """The source whose resources these are; empty where they were collected.

    It is the target's account, which is checked, and nothing that the message itself could choose.
    """
    target = batch.run.target
    return target.account if is_pushed(target) else ""


def newest_readings(batches: Sequence[Batch]) -> dict[ResourceKey, Reading]:
    """One reading for each resource of ``batches``."""
    readings: dict[ResourceKey, Reading] = {}
    for batch in batches:
        source = source_of(batch)
        for resource in batch.resources:
            reading = Reading(resource, _fingerprint(resource), batch.collected_at, batch.collected_at)
            former = readings.setdefault((*resource.key, source), reading)
            if former is not reading:
                former.add(reading)
    return readings


def insert_columns(readings: Sequence[Reading]) -> dict[str, Any]:
    """The columns of new rows, beside their key."""
    return {
        "type": [reading.resource.type for reading in readings],
        "name": [reading.resource.name for reading in readings],
        "tags": [_json.encode(reading.resource.tags).decode() for reading in readings],
        "attributes": [_json.encode(reading.resource.attributes).decode() for reading in readings],
        **_seen(readings),
    }


def update_changed(connection: Connection, readings: Mapping[int, Reading]) -> None:
    """Write down what ``readings``, by resource_id, say anew."""
    if not readings:
        return
    columns = {"resource_id": int4s(list(readings)), **_seen(list(readings.values()))}
    changed = [row[0] for row in connection.execute(_SQL["lock_changed_resources"], columns)]
    if changed:
        new = {"resource_id": int4s(changed), **insert_columns([readings[resource_id] for resource_id in changed])}
        connection.execute(_SQL["update_resources"], new)


def _seen(readings: Sequence[Reading]) -> dict[str, Any]:
    return {
        "fingerprint": int8s([reading.fingerprint for reading in readings]),
        "first_seen": moments([reading.first_seen for reading in readings]),
        "last_seen": moments([reading.last_seen for reading in readings]),
    }


def _fingerprint(resource: Resource) -> int:
    """Of all that may change, in eight bytes: the table is not asked for its texts only to compare them."""
    text = _canonical.encode((resource.type, resource.name, resource.tags, resource.attributes))
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
