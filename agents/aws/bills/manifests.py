"""Manifests of Data Exports and of the older Cost and Usage Reports: which files are one version of a billing period.

AWS writes a manifest after all files that it names, so it is what makes a version whole. Nothing of it but the list of
files is needed: the period is the folder's, and whatever else is told must agree.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from telemetry.errors import CollectionFailed

MANIFEST = "-Manifest.json"
_MOST_FILES = 10_000
_LONGEST_KEY = 1024
"""Of S3's."""
_MONTHS_A_YEAR = 12
_PARTITION = re.compile(r"BILLING_PERIOD=(\d{4})-(\d{2})")
_DAY = re.compile(r"date=(20\d{2}-\d{2}-\d{2})")
_DATES = re.compile(r"(\d{4})(\d{2})01-(\d{4})(\d{2})01")
_MONTH = re.compile(r"(\d{4})-(\d{2})(?:\D.*)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})T.*")

Month = tuple[datetime, datetime]
"""A billing period, half-open, in UTC; of recommendations a day."""


class Manifest(msgspec.Struct, frozen=True):
    """One version of a billing period, as its manifest tells of it."""

    period: Month
    #: The SHA-256 of the manifest, in hexadecimal digits.
    version: str
    #: Keys in the bucket, in the order of the manifest.
    files: tuple[str, ...]


def month_of(folder: str) -> Month | None:
    """The billing period that a folder is of: ``BILLING_PERIOD=2026-11``, ``20261101-20261201``; None for another."""
    if partition := _PARTITION.fullmatch(folder):
        return _month(int(partition[1]), int(partition[2]))
    if dates := _DATES.fullmatch(folder):
        year, month, *end = map(int, dates.groups())
        found = _month(year, month)
        return found if found and [found[1].year, found[1].month] == end else None
    return None


def day_of(folder: str) -> Month | None:
    """The day that a folder of recommendations is of: ``date=2026-11-28``; None for another."""
    found = _DAY.fullmatch(folder)
    try:
        start = datetime.strptime(found[1], "%Y-%m-%d").replace(tzinfo=UTC) if found else None
    except ValueError:  # the 31st of a short month
        return None
    return None if start is None else (start, start + timedelta(days=1))


def months_back(now: datetime, count: int) -> list[Month]:
    """The month that ``now`` is in and those before it, ``count`` in all, the newest first."""
    months = []
    year, month = now.year, now.month
    for _ in range(count):
        months.append(_whole_month(year, month))
        year, month = (year, month - 1) if month > 1 else (year - 1, _MONTHS_A_YEAR)
    return months


def read_manifest(body: bytes, key: str, period: Month, *, bucket: str, folder: str) -> Manifest:
    """What a manifest says that lies under ``key`` among those of a period.

    ``bucket`` and ``folder`` are the export's: a file anywhere else is none of it. CollectionFailed where it is no
    manifest of that export and period; the bytes are the same at the next attempt, but they are soon replaced.
    """
    try:
        told = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):  # msgspec's own among them
        told = None
    if not isinstance(told, dict):
        raise CollectionFailed(f"s3://{bucket}/{key}: this is no manifest: it is not an object in JSON")
    for name in ("exportName", "reportName"):
        if isinstance(told.get(name), str) and told[name] != folder.rpartition("/")[2]:
            raise CollectionFailed(
                f"s3://{bucket}/{key}: this is a manifest of the export {told[name][:200]!r}: correct the last part of"
                " its url in the configuration"
            )
    said = _period_of(told.get("billingPeriod"))
    if said is not None and not (said[0] <= period[0] and period[1] <= said[1]):
        raise CollectionFailed(
            f"s3://{bucket}/{key}: it lies among those of {period[0]:%Y-%m}, and says it is of {said[0]:%Y-%m}"
        )
    files = tuple(_key(name, key, bucket=bucket, folder=folder) for name in _files_of(told, f"s3://{bucket}/{key}"))
    if len(set(files)) < len(files):
        raise CollectionFailed(f"s3://{bucket}/{key}: a file is named twice: its lines would be counted twice")
    return Manifest(period, hashlib.sha256(body).hexdigest(), files)


def _files_of(told: dict[str, Any], where: str) -> list[str]:
    name = "dataFiles" if "dataFiles" in told else "reportKeys"
    files = told.get(name)
    if not isinstance(files, list) or not all(isinstance(one, str) and one for one in files):
        raise CollectionFailed(f"{where}: dataFiles (reportKeys in the older reports) has to be a list of files")
    if len(files) > _MOST_FILES:
        raise CollectionFailed(f"{where}: {len(files)} files: at most {_MOST_FILES} are one billing period")
    return files


def _key(name: str, manifest: str, *, bucket: str, folder: str) -> str:
    """The key of a file. Whoever can write a manifest must not have us read what is not the export's."""
    key = name
    if name.startswith("s3://"):
        of, _, key = name.removeprefix("s3://").partition("/")
        if of != bucket:
            raise CollectionFailed(f"s3://{bucket}/{manifest}: {name[:200]!r} is a file of another bucket")
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise CollectionFailed(f"s3://{bucket}/{manifest}: {name[:100]!r} cannot be the name of a file")
    if not key.startswith(f"{folder}/"):
        raise CollectionFailed(f"s3://{bucket}/{manifest}: {name[:200]!r} is not in the folder of the export")
    return key


def _period_of(told: Any) -> Month | None:
    """None where it is not told in a form that is known."""
    start = told.get("start") if isinstance(told, dict) else told
    found = None
    if isinstance(start, str):
        found = _MONTH.fullmatch(start) or _COMPACT.fullmatch(start)
    return _month(int(found[1]), int(found[2])) if found else None


def _month(year: int, month: int) -> Month | None:
    if not (1 <= month <= _MONTHS_A_YEAR and 2000 <= year < 2100):  # noqa: PLR2004 - what a record can hold
        return None
    return _whole_month(year, month)


def _whole_month(year: int, month: int) -> Month:
    following = (year, month + 1) if month < _MONTHS_A_YEAR else (year + 1, 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
