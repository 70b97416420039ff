"""The ids of resources and series: from the cache, from the tables, or new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from storage.database import Connection
from storage.sql import load
from storage.writer.memory import Generations, Memory, ResourceKey, SeriesKey
from storage.writer.resources import Reading, insert_columns, newest_readings, update_changed
from telemetry.batch import Batch

_Key = TypeVar("_Key", bound=tuple[Any, ...])

_SQL = load("writer_identities")
_RESOURCE_KEY = ("provider", "account", "region", "service", "provider_id")
_SERIES_KEY = ("resource_id", "metric", "source_metric", "unit", "statistic", "period")


class BatchIds(NamedTuple):
    """The ids of a batch's resources and series, in the order of the batch."""

    resources: list[int]
    series: list[int]


class Identities:
    """The ids that one transaction uses. After its commit call :meth:`remember`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._resources: dict[ResourceKey, int] = {}
        self._series: dict[SeriesKey, int] = {}

    def resolve(self, connection: Connection, batches: Sequence[Batch]) -> list[BatchIds]:
        """The ids for each batch; unknown resources and series are made, changed resources are updated."""
        resources = self._resolve_resources(connection, batches)
        keys = [
            [(ids[s.resource], s.metric, s.source_metric, s.unit, s.statistic, s.period) for s in batch.series]
            for batch, ids in zip(batches, resources, strict=True)
        ]
        ids = self._series = _look_up(
            {key for column in keys for key in column},
            self._memory.series,
            lambda missing: _find_or_make(connection, "series", missing, _by_name(_SERIES_KEY, missing)),
        )
        series = [[ids[key] for key in column] for column in keys]
        return list(map(BatchIds, resources, series))

    def remember(self) -> None:
        """Keep the ids for later transactions."""
        self._memory.resources.add(self._resources)
        self._memory.series.add(self._series)

    def _resolve_resources(self, connection: Connection, batches: Sequence[Batch]) -> list[list[int]]:
        readings = newest_readings(batches)
        ids = self._resources = _look_up(
            readings, self._memory.resources, lambda missing: _make_resources(connection, missing, readings)
        )
        update_changed(connection, {ids[key]: reading for key, reading in readings.items()})
        return [[ids[resource.key] for resource in batch.resources] for batch in batches]


def _look_up(
    keys: Iterable[_Key], cache: Generations[_Key], make: Callable[[list[_Key]], dict[_Key, int]]
) -> dict[_Key, int]:
    wanted = list(keys)
    ids = cache.find(wanted)
    if len(ids) < len(wanted):
        ids |= make([key for key in wanted if key not in ids])
    return ids


def _make_resources(
    connection: Connection, missing: list[ResourceKey], readings: dict[ResourceKey, Reading]
) -> dict[ResourceKey, int]:
    columns = _by_name(_RESOURCE_KEY, missing) | insert_columns([readings[key] for key in missing])
    return _find_or_make(connection, "resources", missing, columns)


def _find_or_make(
    connection: Connection, table: str, keys: Sequence[_Key], columns: dict[str, list[Any]]
) -> dict[_Key, int]:
    ids = _run(connection, f"find_{table}", columns)
    for statement in (f"insert_{table}", f"find_{table}"):  # the second finds what somebody else made meanwhile
        missing = [place for place, key in enumerate(keys) if key not in ids]
        if not missing:
            break
        rest = {name: [column[place] for place in missing] for name, column in columns.items()}
        ids |= _run(connection, statement, rest)
    return ids


def _run(connection: Connection, statement: str, columns: dict[str, list[Any]]) -> dict[Any, int]:
    """The rows of a statement whose last column is the id, and whose others are its key."""
    return {row[:-1]: row[-1] for row in connection.execute(_SQL[statement], columns)}


def _by_name(names: Sequence[str], keys: Sequence[_Key]) -> dict[str, list[Any]]:
    columns = zip(*keys, strict=True)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
