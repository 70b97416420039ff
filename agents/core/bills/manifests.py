"""Manifests beside files of FOCUS: of AWS's form, of Azure's, of Oracle's, or of our own simple one.

Our own, which anybody can write behind the last of the files::

    {"period": "2026-11", "submitted": "2026-11-24T08:00:00Z",
     "files": [{"name": "part-1.parquet", "size": 824, "rows": 3}]}

``name`` is relative to the folder of the manifest; ``submitted``, ``size`` and ``rows`` may be left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from agents.core.bill_months import month_of
from agents.core.bills.entry import Entry
from agents.core.bills.pinned import check_names, file_kind
from telemetry.errors import CollectionFailed
from telemetry.target import Window

_NAME = re.compile(r"(?i)(?:.*[-_.])?manifest\.json")
_FRACTION = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True)
class Told:
    """A file, as a manifest tells of it."""

    key: str
    size: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """What one delivery of one month is made of."""

    key: str
    month: Window
    #: When it was written; None where neither it nor the store says so.
    submitted: datetime | None
    #: The SHA-256 of its bytes.
    version: str
    files: tuple[Told, ...]
    rows: int | None = None
    #: What it says which export it is of; empty where it does not.
    export: str = ""
    #: Of which type that is: ``AmortizedCost``; empty where it does not say.
    kind: str = ""

    @property
    def order(self) -> tuple[datetime, str]:
        """Of two manifests of a month the one that comes later counts."""
        return self.submitted or datetime.min.replace(tzinfo=UTC), self.key


def is_manifest(key: str) -> bool:
    """Whether a file is one, by its name."""
    return _NAME.fullmatch(key.rpartition("/")[2]) is not None


def parse_manifest(entry: Entry, text: bytes) -> Manifest:
    """What a manifest says; CollectionFailed where it is of no form that is known."""
    try:
        told = json.loads(text.decode("utf-8-sig"))
        month, submitted, rows, files = _read(told, entry.key)
        export, kind = _export(told), _kind(told)
    except Exception as error:  # noqa: BLE001 - whatever comes of a file of another form
        raise CollectionFailed(f"{entry.key}: it is no manifest of a form that is known: {said_of(error)}") from None
    if month is None:
        raise CollectionFailed(f"{entry.key}: it does not say which month it is of: write period as 2026-11")
    check_names(entry.key, [file.key for file in files])
    for file in files:
        try:
            file_kind(file.key)
        except ValueError as error:
            raise CollectionFailed(f"{entry.key}: {error}"[:500]) from None
    return Manifest(entry.key, month, submitted or entry.modified, sha256(text).hexdigest(), files, rows, export, kind)


def said_of(error: Exception) -> str:
    """What reading a manifest raised, in words."""
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON: {error}"[:100]
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, KeyError):
        return f"{str(error.args[0])[:60]} is missing"
    return "a value in it is not of the kind that belongs there"


def _export(told: Mapping[str, Any]) -> str:
    """Of Azure with its scope: two scopes may have exports of one name."""
    config = told.get("exportConfig")
    if isinstance(config, Mapping):
        found = config.get("resourceId") or config.get("exportName")
    else:
        found = told.get("exportArn") or told.get("exportName") or told.get("reportName")
    return str(found or "").lower()


def _kind(told: Mapping[str, Any]) -> str:
    """As Azure names it."""
    config = told.get("exportConfig")
    return str(config.get("type") or "") if isinstance(config, Mapping) else ""


def _read(told: Mapping[str, Any], key: str) -> tuple[Window | None, datetime | None, int | None, tuple[Told, ...]]:
    if "runInfo" in told:
        run = told["runInfo"]
        blobs = tuple(
            Told(str(one["blobName"]).lstrip("/"), None, _count(one.get("dataRowCount")))
            for one in told.get("blobs") or ()
        )
        return (
            month_of(str(run["startDate"])[:7]),
            _time(run.get("submittedTime")),
            _count(told.get("dataRowCount")),
            blobs,
        )
    if "dataFiles" in told or "reportKeys" in told:
        period = told.get("billingPeriod")
        begins = str(period["start"] if isinstance(period, Mapping) else period)
        keys = told.get("dataFiles") or told.get("reportKeys") or ()
        return month_of(_digits(begins)), None, None, tuple(Told(_key(str(one))) for one in keys)
    folder = key.rpartition("/")[0]
    files = tuple(_own(one, folder) for one in told["files"])
    return month_of(str(told["period"])[:7]), _time(told.get("submitted")), _count(told.get("rows")), files


def _own(told: Mapping[str, Any], folder: str) -> Told:
    name = str(told["name"])
    return Told(f"{folder}/{name}".lstrip("/"), _count(told.get("size")), _count(told.get("rows")))


def _digits(text: str) -> str:
    """``2026-11`` and ``20261101T000000.000Z`` alike."""
    return text[:7] if "-" in text[:5] else text[:6]


def _key(text: str) -> str:
    """A key of an address ``s3://bucket/key``, or as it is."""
    return text.partition("://")[2].partition("/")[2] if "://" in text else text.lstrip("/")


def _time(text: Any) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
