"""What is known of a resource beyond its identity, taken from the newest reading of it.

A reading that says the same again is written once an hour at the most: else every window would rewrite every resource.
So ``last_seen`` may lag by an hour, and a reading that comes late, and is older than one that was not written,
may describe the resource until it is next read. Numbers do not depend on it: a rate keeps the type of its own batch.

A whole reading replaces what is known; one of a part (``Resource.whole``) is laid over it, whichever of the two comes
first: what it says counts where it is the newer one, and what it does not say is left as it is. ``described_at`` is the
time of the newest whole reading, before all times where there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from storage.database import Connection
from storage.sql import load
from storage.writer.columns import int4s, int8s, moments
from storage.writer.memory import ResourceKey
from telemetry.batch import Batch
from telemetry.push.batches import is_pushed
from telemetry.records import Resource

_SQL = load("writer_identities")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""``described_at`` of what only parts were seen of: before all readings."""
_canonical = msgspec.msgpack.Encoder(order="sorted")
_json = msgspec.json.Encoder()


@dataclass(slots=True)
class Reading:
    """The newest of a transaction's readings of one resource, and since when it was read."""

    resource: Resource
    fingerprint: int
    first_seen: datetime
    last_seen: datetime
    described_at: datetime

    @classmethod
    def of(cls, resource: Resource, moment: datetime) -> Reading:
        """One reading, of this moment."""
        return cls(resource, _fingerprint(resource), moment, moment, moment if resource.whole else _NEVER)

    def add(self, other: Reading) -> None:
        """Take in another reading of the same resource, a later one."""
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        if not other.resource.whole:
            self.resource = _laid_over(self.resource, other.resource)
        elif (other.described_at, other.fingerprint) > (self.described_at, self.fingerprint):
            self.resource, self.fingerprint = other.resource, other.fingerprint
            self.described_at = other.described_at


def source_of(batch: Batch) -> str:
    """The source whose resources these are; empty where they were collected.

    It is the target's account, which is checked, and nothing that the message itself could choose.
    """
    target = batch.run.target
    return target.account if is_pushed(target) else ""


def newest_readings(batches: Sequence[Batch]) -> dict[ResourceKey, Reading]:
    """One reading for each resource of ``batches``."""
    readings: dict[ResourceKey, Reading] = {}
    for batch in sorted(batches, key=lambda batch: batch.collected_at):
        source = source_of(batch)
        for resource in batch.resources:
            reading = Reading.of(resource, batch.collected_at)
            former = readings.setdefault((*resource.key, source), reading)
            if former is not reading:
                former.add(reading)
    return readings


def insert_columns(readings: Sequence[Reading]) -> dict[str, Any]:
    """The columns of new rows, beside their key."""
    return {**_described([reading.resource for reading in readings]), **_seen(readings)}


def update_changed(connection: Connection, readings: Mapping[int, Reading]) -> None:
    """Write down what ``readings``, by resource_id, say anew."""
    whole = {resource_id: reading for resource_id, reading in readings.items() if reading.resource.whole}
    if whole:
        columns = {"resource_id": int4s(list(whole)), **_seen(list(whole.values()))}
        changed = {row[0] for row in connection.execute(_SQL["find_changed_resources"], columns)}
        readings = {key: one for key, one in readings.items() if key not in whole or key in changed}
    if not readings:
        return
    # A fingerprint is of the whole: of a part its words are compared.
    parts = [_NOTHING if reading.resource.whole else reading.resource for reading in readings.values()]
    columns = {"resource_id": int4s(list(readings)), **_described(parts), **_seen(list(readings.values()))}
    locked = [row[0] for row in connection.execute(_SQL["lock_changed_resources"], columns)]
    if locked:
        new = {"resource_id": int4s(locked), **insert_columns([readings[resource_id] for resource_id in locked])}
        connection.execute(_SQL["update_resources"], new)


def _described(resources: Sequence[Resource]) -> dict[str, Any]:
    return {
        "type": [resource.type for resource in resources],
        "name": [resource.name for resource in resources],
        "tags": [_json.encode(resource.tags).decode() for resource in resources],
        "attributes": [_json.encode(resource.attributes).decode() for resource in resources],
    }


def _seen(readings: Sequence[Reading]) -> dict[str, Any]:
    return {
        "fingerprint": int8s([reading.fingerprint for reading in readings]),
        "first_seen": moments([reading.first_seen for reading in readings]),
        "last_seen": moments([reading.last_seen for reading in readings]),
        "described_at": moments([reading.described_at for reading in readings]),
    }


def _laid_over(known: Resource, part: Resource) -> Resource:
    """``known`` with what ``part`` says; what that does not say is left as it is."""
    return replace(
        known,
        type=part.type or known.type,
        name=part.name or known.name,
        tags={**known.tags, **part.tags},
        attributes={**known.attributes, **part.attributes},
    )


def _fingerprint(resource: Resource) -> int:
    """Of all that may change, in eight bytes: the table is not asked for its texts only to compare them."""
    text = _canonical.encode((resource.type, resource.name, resource.tags, resource.attributes))
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


_NOTHING = Resource(provider="", account="", region="", service="", resource_id="")
