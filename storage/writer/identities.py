"""The ids of resources and series: from the cache, from the tables, or new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

from storage.database import Connection
from storage.sql import load
from storage.writer.columns import int4s
from storage.writer.memory import Generations, Memory, ResourceKey, SeriesKey
from storage.writer.resources import insert_columns, newest_readings, source_of, update_changed
from telemetry.batch import Batch

_Key = TypeVar("_Key", bound=tuple[Any, ...])

_SQL = load("writer_identities")


class BatchIds(NamedTuple):
    """The ids of a batch's resources and series, in the order of the batch."""

    resources: list[int]
    series: list[int]


class Identities:
    """The ids that one transaction uses. After its commit call :meth:`remember`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._new_resources: dict[ResourceKey, int] = {}
        self._new_series: dict[SeriesKey, int] = {}

    def resolve(self, connection: Connection, batches: Sequence[Batch]) -> list[BatchIds]:
        """The ids for each batch; unknown resources and series are made, changed resources are updated."""
        resources = self._resolve_resources(connection, batches)
        keys: list[SeriesKey] = [
            (ids[s.resource], s.metric, s.source_metric, s.unit, s.statistic, s.period)
            for batch, ids in zip(batches, resources, strict=True)
            for s in batch.series
        ]
        found, self._new_series = _look_up(
            keys, self._memory.series, lambda missing: _find_or_make(connection, "series", missing, _series_columns)
        )
        series = iter(found)
        return [
            BatchIds(ids, list(islice(series, len(batch.series))))
            for batch, ids in zip(batches, resources, strict=True)
        ]

    def remember(self) -> None:
        """Keep the ids for later transactions."""
        self._memory.resources.add(self._new_resources)
        self._memory.series.add(self._new_series)

    def _resolve_resources(self, connection: Connection, batches: Sequence[Batch]) -> list[list[int]]:
        readings = newest_readings(batches)

        def columns(missing: list[ResourceKey]) -> dict[str, Any]:
            return _resource_columns(missing) | insert_columns([readings[key] for key in missing])

        found, self._new_resources = _look_up(
            list(readings),
            self._memory.resources,
            lambda missing: _find_or_make(connection, "resources", missing, columns),
        )
        update_changed(connection, dict(zip(found, readings.values(), strict=True)))
        ids = dict(zip(readings, found, strict=True))
        return [[ids[*resource.key, source_of(batch)] for resource in batch.resources] for batch in batches]


def _look_up(
    keys: list[_Key], known: Generations[_Key], make: Callable[[list[_Key]], dict[_Key, int]]
) -> tuple[list[int], dict[_Key, int]]:
    """The ids of ``keys``, in their order, and by key those that were not known before."""
    ids = known.find(keys)
    missing = list(dict.fromkeys(key for key, found in zip(keys, ids, strict=True) if found is None))
    new = make(missing) if missing else {}
    return [new[key] if found is None else found for key, found in zip(keys, ids, strict=True)], new


def _find_or_make(
    connection: Connection, table: str, keys: list[_Key], columns_of: Callable[[list[_Key]], dict[str, Any]]
) -> dict[_Key, int]:
    ids: dict[_Key, int] = {}
    # The last one finds what somebody else made meanwhile.
    for statement in (f"find_{table}", f"insert_{table}", f"find_{table}"):
        missing = [key for key in keys if key not in ids]
        if missing:
            rows = connection.execute(_SQL[statement], columns_of(missing))
            ids |= {cast("_Key", row[:-1]): row[-1] for row in rows}
    return ids


def _resource_columns(keys: list[ResourceKey]) -> dict[str, Any]:
    names = ("provider", "account", "region", "service", "provider_id", "source")
    return {name: [key[place] for key in keys] for place, name in enumerate(names)}


def _series_columns(keys: list[SeriesKey]) -> dict[str, Any]:
    return {
        "resource_id": int4s([key[0] for key in keys]),
        "metric": [key[1] for key in keys],
        "source_metric": [key[2] for key in keys],
        "unit": [key[3] for key in keys],
        "statistic": [key[4] for key in keys],
        "period": int4s([key[5] for key in keys]),
    }
