"""The folders of ``focus.sources``: what of each month is there at the moment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

from agents.core.bill_months import first_month
from agents.core.bills.entry import Entry
from agents.core.bills.manifests import Manifest, Told, is_manifest, parse_manifest
from agents.core.bills.pinned import Pinned, PinnedFile, check_submitted, file_kind
from agents.core.bills.remembered import Remembered
from agents.core.bills.store_addresses import Address, parse_address
from agents.core.bills.stores import Missing, ObjectStore, open_store
from agents.core.context import Context, Shared
from agents.core.estimating import Estimate
from agents.focus.credentials import credentials_of
from agents.focus.periods import NotFocus, month_by_folders, months_by_rows
from agents.focus.settings import FocusSettings, FocusSource
from telemetry.errors import CollectionFailed
from telemetry.settings.providers import ProviderSettings
from telemetry.target import Target, Window

SETTLED = timedelta(hours=1)
"""Files without a manifest that nobody has changed for so long are whole: from one look to the next."""
NOT_SETTLED = "files of it were added or changed within the last hour: it counts when none was for an hour"
_COMMITMENTS = re.compile(r"(?i)contract[-_]?commitment")
"""Another table of FOCUS, from 1.3 on, which some write beside that of costs."""


class NotYet(CollectionFailed):
    """A delivery is still being written: another attempt finds it whole."""

    transient = True


@dataclass(frozen=True)
class Delivered:
    """A version of one month of a source."""

    month: Window
    pinned: Pinned
    #: When the last of it was written; None where the store does not say.
    written: datetime | None = None
    #: Its files may have lines of other months, which are theirs.
    mixed: bool = False
    #: False: its files may still be written, so it does not count yet.
    settled: bool = True


def source_names(section: ProviderSettings) -> tuple[str, ...]:
    """The names of all sources."""
    return tuple(source.name for source in section.sources) if isinstance(section, FocusSettings) else ()


def source_of(shared: Shared, target: Target) -> FocusSource:
    """The source that a target names; CollectionFailed where this worker's configuration has none of that name."""
    found = find_source(shared, target.region)
    if found is None:
        raise CollectionFailed(f"{target}: focus.sources of this worker has no source of that name: add it")
    return found


def find_source(shared: Shared, name: str) -> FocusSource | None:
    """The source of that name; None where this worker's configuration has none."""
    section = shared.settings.section(FocusSettings)
    return next((one for one in section.sources if one.name == name), None) if section is not None else None


def open_source(context: Context, source: FocusSource, url: str = "") -> ObjectStore:
    """Its store; or what is at another URL, in the same way."""
    return open_store(
        url or source.url,
        context,
        credentials=credentials_of(source),
        region=source.region or "",
        endpoint=source.endpoint or "",
        ca_file=source.ca_file or "",
    )


def look(context: Context, store: ObjectStore, source: FocusSource) -> list[Delivered]:
    """What there is of each month: by manifests where there are any, else by the files themselves."""
    entries = {entry.key: entry for entry in store.list(store.prefix)}
    manifests = [entry for key, entry in entries.items() if is_manifest(key)]
    since = first_month(context.shared.now()).start
    found = (
        _by_manifests(context, store, source, manifests, entries)
        if manifests
        else _by_files(context, store, source, entries)
    )
    return sorted((one for one in found if one.month.start >= since), key=lambda one: one.month)


def address_of(section: ProviderSettings, part: str) -> Address | None:
    """Where a source is; None where there is none of that name."""
    sources = section.sources if isinstance(section, FocusSettings) else ()
    return next((parse_address(one.url, one.endpoint or "") for one in sources if one.name == part), None)


def estimate() -> Estimate:
    """Of a source of which nothing is known: which requests its store takes, and what it takes for them."""
    return Estimate({}, None, "the lists and the range reads of the store")


def _by_manifests(
    context: Context, store: ObjectStore, source: FocusSource, manifests: Iterable[Entry], entries: Mapping[str, Entry]
) -> list[Delivered]:
    newest: dict[Window, Manifest] = {}
    exports: set[str] = set()
    with Remembered[Manifest](context.shared, "manifests", f"{store.url}/{store.prefix}") as remembered:
        for entry in manifests:
            try:
                manifest = remembered.get(entry, partial(_text, store, entry), partial(parse_manifest, entry))
                if manifest.submitted != entry.modified:  # as it says itself
                    check_submitted(entry.key, manifest.submitted, context.shared.now())
            except CollectionFailed as error:
                if error.transient:
                    raise
                context.meter.refused("what they deliver", error, of="manifests")
                continue
            exports.add(manifest.export)
            former = newest.get(manifest.month)
            if former is None or manifest.order > former.order:
                newest[manifest.month] = manifest
    if len(named := sorted(exports - {""})) > 1:
        # Of two bills of a month one would count, and the other one be lost.
        raise CollectionFailed(
            f"{source.url}: {len(named)} exports write there: {', '.join(named)[:300]}: make the folder of each "
            "a source of its own"
        )
    return [Delivered(month, _pinned(one, entries), one.submitted) for month, one in newest.items()]


def _pinned(manifest: Manifest, entries: Mapping[str, Entry]) -> Pinned:
    """A file that is not there keeps its place: whoever reads it finds that it is missing."""
    files = [_file(entries.get(told.key) or Entry(told.key, told.size or 0, ""), told) for told in manifest.files]
    return Pinned(version=manifest.version, files=tuple(files), submitted_at=manifest.submitted, rows=manifest.rows)


def check_there(delivered: Delivered, store: ObjectStore) -> None:
    """NotYet where a manifest names a file that is not there."""
    for file in delivered.pinned.files:
        if not file.entry.etag and file.entry.modified is None:
            raise NotYet(f"{store.url}/{file.entry.key}: the manifest names this file, and it is not there")


def _by_files(
    context: Context, store: ObjectStore, source: FocusSource, entries: Mapping[str, Entry]
) -> list[Delivered]:
    files = [file for entry in entries.values() if (file := _file_of(entry)) is not None]
    by_folder = {file: month_by_folders(file.entry.key) for file in files}
    # Where the folders of one file name no month, those of the others may mean something else.
    by_rows = source.periods == "columns" or (source.periods is None and None in by_folder.values())
    if not by_rows and (lost := [file.entry.key for file, named in by_folder.items() if named is None]):
        raise CollectionFailed(
            f"{source.url}: {lost[0][:200]}: its folders name no month, so its lines would be lost: "
            "set periods to columns"
        )
    by_month: defaultdict[Window, list[Entry]] = defaultdict(list)
    with Remembered[frozenset[Window]](context.shared, "months", f"{store.url}/{store.prefix}") as remembered:
        for file, named in by_folder.items():
            months = _months(context, store, file, remembered) if by_rows else {named} if named is not None else set()
            for month in months:
                by_month[month].append(file.entry)
    now = context.shared.now()
    return [
        Delivered(month, _pinned_by_files(found), _last_of(found), mixed=by_rows, settled=is_settled(found, now))
        for month, found in by_month.items()
    ]


def _months(
    context: Context, store: ObjectStore, file: PinnedFile, remembered: Remembered[frozenset[Window]]
) -> set[Window]:
    """The months that a file has lines of; none, and a word in the report, where it is not FOCUS.

    What is torn may be of any month, and without it each of them would lack lines: nothing new is said of any.
    """
    try:
        return set(remembered.get(file.entry, lambda: _read_months(file, store), _understood))
    except NotFocus as error:
        context.meter.refused("lines", error, of="files")
        return set()


def _read_months(file: PinnedFile, store: ObjectStore) -> frozenset[Window] | NotFocus:
    try:
        return months_by_rows(file, store)
    except NotFocus as error:
        return error


def _understood(found: frozenset[Window] | NotFocus) -> frozenset[Window]:
    if isinstance(found, NotFocus):
        raise found
    return found


def is_settled(files: Iterable[Entry], now: datetime) -> bool:
    """Whether nobody has added or changed one since the look before."""
    return all(entry.modified is None or entry.modified <= now - SETTLED for entry in files)


def _pinned_by_files(entries: list[Entry]) -> Pinned:
    entries = sorted(entries, key=lambda entry: entry.key)
    digest = sha256()
    for entry in entries:
        digest.update(f"{entry.key}\0{entry.size}\0{entry.etag}\n".encode())
    # Nobody says when a set of files became what it is: it may be older than the one before, where a file was deleted.
    return Pinned(version=digest.hexdigest(), files=tuple(_file(entry, Told(entry.key)) for entry in entries))


def _last_of(entries: Iterable[Entry]) -> datetime | None:
    return max((entry.modified for entry in entries if entry.modified is not None), default=None)


def _file_of(entry: Entry) -> PinnedFile | None:
    """None where its name is of no file that can be read, or says that it is still being written."""
    name = entry.key.rpartition("/")[2]
    if name.startswith((".", "_")) or name.endswith((".tmp", ".part", ".crc")) or _COMMITMENTS.search(name):
        return None
    try:
        return _file(entry, Told(entry.key))
    except CollectionFailed:
        return None


def _file(entry: Entry, told: Told) -> PinnedFile:
    try:
        form, compression = file_kind(entry.key)
    except ValueError as error:
        raise CollectionFailed(str(error)) from None
    return PinnedFile(entry=entry, format=form, compression=compression, rows=told.rows, bytes=told.size)


def _text(store: ObjectStore, entry: Entry) -> bytes:
    try:
        return store.read(entry.key)[0]
    except Missing as error:
        raise NotYet(str(error)) from None
