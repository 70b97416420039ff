"""Finds manifests in the folder of an export, and never a data file: what AWS left behind of an older version is none.

Data Exports keep them under ``metadata/BILLING_PERIOD=2026-11/``, the older reports under ``20261101-20261201/``. An
export that keeps every version has one more in the folder of each; the one above them is a copy of the newest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from agents.aws.bills.bucket import Bucket
from agents.aws.bills.manifests import MANIFEST, Manifest, Month, day_of, month_of, read_manifest
from agents.aws.settings import RecommendationExport
from agents.core.bills.entry import Entry
from agents.core.bills.stores import Missing
from agents.core.context import Shared
from telemetry.errors import CollectionFailed

_METADATA = "metadata"
_OTHER_DATA = ("date=",)
"""Partitions of exports that are no bill: recommendations of the Cost Optimization Hub."""
_KEPT = 2000


class Found(msgspec.Struct, frozen=True):
    """The newest manifest of a billing period, as the listing tells of it."""

    period: Month
    entry: Entry


@dataclass(frozen=True)
class Finder:
    """Looks into the folder of one export."""

    bucket: Bucket
    export: RecommendationExport
    shared: Shared

    def days(self, days: Sequence[Month]) -> list[Found]:
        """The newest manifest of each of these days, of an export of recommendations; the oldest day first."""
        of_day: defaultdict[Month, list[Entry]] = defaultdict(list)
        for entry in self.bucket.list(self._metadata, after=f"{self._metadata}/date={min(days)[0]:%Y-%m-%d}/"):
            day = day_of(entry.key.removeprefix(f"{self._metadata}/").partition("/")[0])
            if day is not None and entry.key.endswith(MANIFEST):
                of_day[day].append(entry)
        return [Found(day, self._chosen(of_day[day])) for day in sorted(days) if of_day[day]]

    def of_day(self, day: Month) -> Found | None:
        """The newest manifest of one day; None where it has none."""
        listed = self.bucket.list(f"{self._metadata}/date={day[0]:%Y-%m-%d}")
        entries = [one for one in listed if one.key.endswith(MANIFEST)]
        return Found(day, self._chosen(entries)) if entries else None

    def newest(self, months: Iterable[Month]) -> list[Found]:
        """The newest manifest of each of these months that has one, the oldest month first."""
        wanted = sorted(months)
        oldest = f"{self._metadata}/BILLING_PERIOD={wanted[0][0]:%Y-%m}/"
        entries = list(self.bucket.list(self._metadata, after=oldest))
        if not entries:
            return self._older_reports(wanted)
        of_month: defaultdict[Month, list[Entry]] = defaultdict(list)
        for entry in entries:
            partition = entry.key.removeprefix(f"{self._metadata}/").partition("/")[0]
            month = month_of(partition)
            if month is None and partition.startswith(_OTHER_DATA):
                raise CollectionFailed(
                    f"{self.export.url}: this export holds no bill, but recommendations by day: name it in "
                    "aws.recommendation_exports instead"
                )
            if month is not None and entry.key.endswith(MANIFEST):
                of_month[month].append(entry)
        return [Found(month, self._chosen(of_month[month])) for month in wanted if of_month[month]]

    def of(self, month: Month) -> Found | None:
        """The newest manifest of one month; None where it has none."""
        listed = self.bucket.list(f"{self._metadata}/BILLING_PERIOD={month[0]:%Y-%m}")
        entries = [one for one in listed if one.key.endswith(MANIFEST)]
        return Found(month, self._chosen(entries)) if entries else self._older_report(month)

    def read(self, found: Found) -> tuple[Manifest, Entry]:
        """What a manifest says, and what it was. One that is the same as before is not read again by this process."""
        known = self.shared.once(_Known, _Known)
        at = (self.bucket.url, found.entry.key, found.entry.etag)
        kept, entry = known.get(at), found.entry
        if kept is None:
            body, entry = self.bucket.read(found.entry.key)
            kept = self._understood(body, entry.key, found.period)
            known.put((self.bucket.url, entry.key, entry.etag), kept)
        if isinstance(kept, CollectionFailed):
            raise kept.with_traceback(None)
        return kept, entry

    def _understood(self, body: bytes, key: str, period: Month) -> Manifest | CollectionFailed:
        """What it says, or why it cannot be read: that is so at each further look."""
        try:
            return read_manifest(body, key, period, bucket=self.export.bucket, folder=self.export.folder)
        except CollectionFailed as error:
            return error.with_traceback(None)

    @property
    def _metadata(self) -> str:
        return f"{self.export.folder}/{_METADATA}"

    def _chosen(self, entries: list[Entry]) -> Entry:
        """The one at the top; without it that of the last execution, whose folder begins with its time."""
        name = f"{self.export.report}{MANIFEST}"
        own = [one for one in entries if one.key.endswith(f"/{name}")] or entries
        return min(own, key=lambda one: (one.key.count("/"), [-ord(letter) for letter in one.key]))

    def _older_reports(self, wanted: list[Month]) -> list[Found]:
        months = {month for name in self.bucket.folders(self.export.folder) if (month := month_of(name)) in wanted}
        found = (self._older_report(month) for month in sorted(filter(None, months)))
        return [one for one in found if one is not None]

    def _older_report(self, month: Month) -> Found | None:
        folder = f"{month[0]:%Y%m%d}-{month[1]:%Y%m%d}"
        try:
            return Found(month, self.bucket.head(f"{self.export.folder}/{folder}/{self.export.report}{MANIFEST}"))
        except Missing:
            return None


@dataclass
class _Known:
    """The manifests that were read last, by bucket, key and ETag."""

    _kept: OrderedDict[tuple[str, str, str], Manifest | CollectionFailed] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, at: tuple[str, str, str]) -> Manifest | CollectionFailed | None:
        with self._lock:
            return self._kept.get(at)

    def put(self, at: tuple[str, str, str], manifest: Manifest | CollectionFailed) -> None:
        with self._lock:
            self._kept[at] = manifest
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
