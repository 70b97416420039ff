"""What lies beside a file: schema and recency as FOCUS has them, and what we know of it beyond (``x_Export``).

Nothing of it is of the clock: the same data have the same metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Any, NamedTuple

from storage.database import Connection
from storage.export.asked import Asked
from storage.export.snapshot import COSTS, REQUIRED, Column, Sums
from storage.sql import load

_SQL = load("export")
_DAY = timedelta(days=1)
_PRECISION = 38
_MOST = 5
"""Targets of a day that are named."""
_CREATED = "2026-11-28T00:00:00Z"
"""When these schemas were made."""
_TYPES = {"String": "STRING", "Decimal": "DECIMAL", "Date/Time": "DATETIME", "JSON": "JSON"}
_UNKNOWN = "no collection of a bill is known of this day"


class Sector(NamedTuple):
    """A day, and whether the bill of it is complete."""

    start: datetime
    complete: bool
    updated: datetime | None
    #: Readings that were the bill of a window, of the target that has most.
    versions: int
    #: Targets that are not complete, and of some of them why.
    incomplete: int
    reasons: tuple[str, ...]


def sectors(connection: Connection, asked: Asked, span: tuple[datetime, datetime] | None) -> list[Sector]:
    """The days of a span, by the ledger; those that it does not know are not complete. Without a span, none."""
    if span is None:
        return []
    values = {"since": span[0], "until": span[1], "provider": asked.provider, "account": asked.account, "most": _MOST}
    told = connection.execute(_SQL["recency"], values)
    found = {
        day.astimezone(UTC): Sector(day.astimezone(UTC), complete, updated, versions, incomplete, tuple(reasons or ()))
        for day, complete, updated, versions, incomplete, reasons in told
    }
    first = span[0].replace(hour=0, minute=0, second=0, microsecond=0)
    days = (first + number * _DAY for number in range(-(-(span[1] - first) // _DAY)))
    return [found.get(day, Sector(day, False, None, 0, 0, (_UNKNOWN,))) for day in days]


def silent(connection: Connection, asked: Asked, services: Sequence[tuple[str, str]]) -> list[str]:
    """Targets that should bring bills, of services none of which ever did."""
    values = {
        "providers": [provider for provider, _ in services],
        "services": [service for _, service in services],
        "provider": asked.provider,
        "account": asked.account,
    }
    return [target for (target,) in connection.execute(_SQL["silent"], values)]


def document(
    asked: Asked,
    columns: Sequence[Column],
    sums: Sequence[Sums],
    days: Sequence[Sector],
    *,
    complete: bool,
    updated: datetime | None,
    missing: Sequence[str],
    file: Mapping[str, Any],
    scales: Mapping[str, int],
    bases: Sequence[str],
) -> str:
    """The metadata as JSON."""
    selection = [asked.version, asked.dataset, asked.provider, asked.account, _time(asked.since), _time(asked.until)]
    instance = _id("instance", selection)
    definitions = [_definition(one, asked, scales) for one in columns]
    told = {
        "DataGenerator": {"DataGenerator": "finfleet"},
        "DatasetInstance": [
            {
                "DatasetInstanceId": instance,
                "DatasetInstanceName": f"finfleet {asked.dataset} {asked.version}",
                "FocusDatasetId": asked.of.focus_id,
            }
        ],
        "Schema": [
            {
                "SchemaId": _id("schema", [asked.version, asked.format, definitions]),
                "DatasetInstanceId": instance,
                "FocusVersion": asked.version,
                "CreationDate": _CREATED,
                "DataGeneratorVersion": version("finfleet"),
                "ColumnDefinition": definitions,
            }
        ],
        "Recency": [
            {
                "DatasetInstanceId": instance,
                "DatasetInstanceComplete": complete,
                "DatasetInstanceLastUpdated": _time(updated),
                "RecencyLastUpdated": _time(updated),
                # Of a dataset in time.
                **({"TimeSectors": [_sector(day) for day in days]} if asked.of.charges else {}),
            }
        ],
        "x_Export": {
            "From": _time(asked.since),
            "To": _time(asked.until),
            "Provider": asked.provider,
            "Account": asked.account,
            "File": file,
            "Totals": [_totals(one) for one in sums],
            "Unknown": _counted(REQUIRED, (one.unknown for one in sums)),
            "Assumed": _counted(bases, (one.assumed for one in sums)),
            "NeverTold": list(missing),
        },
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _definition(column: Column, asked: Asked, scales: Mapping[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"ColumnName": column.name, "DataType": _TYPES.get(column.kind, column.kind.upper())}
    if column.kind == "Decimal" and asked.format == "parquet":
        told |= {"NumericPrecision": _PRECISION, "NumberScale": scales[column.name]}
    elif column.kind in {"String", "JSON"}:
        told["StringEncoding"] = "UTF-8"
    return told


def _sector(day: Sector) -> dict[str, Any]:
    told: dict[str, Any] = {
        "TimeSectorStart": _time(day.start),
        "TimeSectorEnd": _time(day.start + _DAY),
        "TimeSectorComplete": day.complete,
        "TimeSectorLastUpdated": _time(day.updated),
        "x_Versions": day.versions,
    }
    if not day.complete:
        told |= {"x_IncompleteTargets": day.incomplete, "x_Reasons": list(day.reasons)}
    return told


def _totals(one: Sums) -> dict[str, Any]:
    if not one.costs:
        return {"Rows": one.rows}
    costs = {name: None if cost is None else f"{cost:f}" for name, cost in zip(COSTS, one.costs, strict=True)}
    return {"BillingCurrency": one.currency, "Rows": one.rows, **costs}


def _counted(names: Sequence[str], rows: Iterator[tuple[int, ...]]) -> dict[str, int]:
    totals = [sum(column) for column in zip(*rows, strict=True)]
    return {name: count for name, count in zip(names, totals, strict=False) if count}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _id(kind: str, of: object) -> str:
    return f"{kind}-{hashlib.sha256(json.dumps(of).encode()).hexdigest()[:32]}"


def added(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The sum of what is known of two."""
    return other if one is None else one if other is None else one + other
