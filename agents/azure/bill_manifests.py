"""Manifests of Azure's exports of costs: what a run of an export has written, and for which month."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from agents.core.bill_months import month_at
from agents.core.bills.manifests import said_of
from agents.core.bills.pinned import check_names
from telemetry.errors import CollectionFailed
from telemetry.target import Window

NAME = "manifest.json"
"""Its folders are no contract: only its name is."""
BILLS = ("FocusCost", "ActualCost", "AmortizedCost")
"""The types of exports that are bills; price sheets and the like may lie beside them."""
_FRACTION = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True)
class Blob:
    """A file of a run."""

    #: From the top of the container.
    name: str
    bytes: int | None
    rows: int | None


@dataclass(frozen=True)
class Manifest:
    """What one run of an export has written."""

    key: str
    #: The export's name, and the scope that it is of: two scopes may have exports of one name.
    export: str
    scope: str
    #: One of :data:`BILLS`.
    kind: str
    month: Window
    submitted: datetime
    #: The SHA-256 of the manifest's bytes.
    version: str
    blobs: tuple[Blob, ...]
    rows: int | None
    compressed: bool

    @property
    def identity(self) -> tuple[str, str]:
        """Which export it is of."""
        return self.scope, self.export.lower()


class NoMonth(CollectionFailed):
    """A run of an export of costs is of no calendar month."""


def parse_manifest(key: str, text: bytes) -> Manifest | None:
    """What a manifest says; None where it is of no bill, but of prices or reservations.

    Raises:
        NoMonth: it is of no calendar month.
        CollectionFailed: it is none that is known; names it.
    """
    try:
        return _manifest(key, text)
    except CollectionFailed:
        raise
    except Exception as error:  # noqa: BLE001 - whatever comes of a file of another form
        said = f"it is no manifest of an export of costs that is known: {said_of(error)}"
        raise CollectionFailed(f"{key}: {said}") from None


def _manifest(key: str, text: bytes) -> Manifest | None:
    told = json.loads(text.decode("utf-8-sig"))
    config, run = told["exportConfig"], told["runInfo"]
    kind, export = str(config["type"]), str(config["exportName"])
    if kind not in BILLS:
        return None
    start, end, submitted = _time(run["startDate"]), _time(run["endDate"]), _time(run["submittedTime"])
    month = month_at(start)
    if start != month.start or not start < max(end, submitted) or end > month.end:
        raise NoMonth(f"{export}: a run is of {start:%Y-%m-%d} to {end:%Y-%m-%d}, and not of one calendar month")
    blobs, promised = tuple(map(_blob, told.get("blobs") or ())), _count(told.get("blobCount"))
    if promised is not None and promised != len(blobs):
        raise CollectionFailed(f"{key}: it says {promised} files, and names {len(blobs)}")
    check_names(key, [blob.name for blob in blobs])
    delivered: Mapping[str, Any] = told.get("deliveryConfig") or {}
    return Manifest(
        key=key,
        export=export,
        scope=_scope(str(config.get("resourceId") or "")),
        kind=kind,
        month=month,
        submitted=submitted,
        version=sha256(text).hexdigest(),
        blobs=blobs,
        rows=_count(told.get("dataRowCount")),
        compressed=str(delivered.get("compressionMode") or "none").lower() != "none",
    )


def current(manifests: Iterable[Manifest]) -> dict[Window, Manifest]:
    """By month the one that was submitted last: those before it stay where they are for ever."""
    found: dict[Window, Manifest] = {}
    for one in manifests:
        former = found.get(one.month)
        if former is None or (one.submitted, one.key) > (former.submitted, former.key):
            found[one.month] = one
    return dict(sorted(found.items()))


def _scope(resource_id: str) -> str:
    """The scope in the id of an export: what is before the provider of exports."""
    return resource_id.lower().partition("/providers/microsoft.costmanagement/exports/")[0]


def _time(text: str) -> datetime:
    """A time with or without a zone, which is UTC then, and with seven digits behind the second."""
    moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _blob(told: Mapping[str, Any]) -> Blob:
    return Blob(str(told["blobName"]).lstrip("/"), _count(told.get("byteCount")), _count(told.get("dataRowCount")))


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
