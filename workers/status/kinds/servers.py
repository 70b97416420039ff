"""Trouble with the database, the broker, and the disk beside us."""

from __future__ import annotations

from collections.abc import Iterator

from storage.errors import StorageForbidden, StorageReadOnly
from workers.status.facts import Facts
from workers.status.kinds.kind import Found, kind

_FULL = "53100"
_LEAST_FREE = 50 * 1024 * 1024


@kind("database", "The database cannot be reached, or did not tell everything in time.")
def _database(facts: Facts) -> Iterator[Found]:
    if facts.database_fault:
        yield facts.database_fault, ()


@kind("schema", "The database is not at the revision of this release.")
def _schema(facts: Facts) -> Iterator[Found]:
    if facts.database.schema:
        yield facts.database.schema, ()


@kind("disk_full", "The database's disk, or the one with the data of a local `finfleet up`, has no room left.")
def _disk_full(facts: Facts) -> Iterator[Found]:
    if facts.write_error is not None and facts.write_error.code == _FULL:
        yield f"the database's disk: {facts.write_error}; make room", (facts.database_address,)
    elif facts.free is not None and facts.free < _LEAST_FREE:
        yield f"{facts.free // 1024**2} MB are free on the disk of the local finfleet up: make room", ()


@kind("read_only", "The database answers, and takes no changes: a replica, set to read only, a right is missing, ...")
def _read_only(facts: Facts) -> Iterator[Found]:
    error = facts.write_error
    if error is None or error.code == _FULL:
        return
    if isinstance(error, StorageReadOnly | StorageForbidden) or not facts.database_fault:
        yield f"the database takes nothing in: {error}", (facts.database_address,)


@kind("broker", "The broker cannot be reached, or did not answer in time.")
def _broker(facts: Facts) -> Iterator[Found]:
    if facts.broker_fault:
        yield facts.broker_fault, ()


@kind("broker_full", "The broker answers, and takes no messages: out of memory or disk, a replica, ...")
def _broker_full(facts: Facts) -> Iterator[Found]:
    if facts.broker.accepts is False and not facts.broker_fault:
        yield facts.broker.refusal, ()


KINDS = (_database, _schema, _disk_full, _read_only, _broker, _broker_full)
