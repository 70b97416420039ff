"""The files that a person brings as one bill: several, those of a folder, or those that a manifest names."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from agents.core.bills.entry import Entry
from agents.core.bills.manifests import Manifest, Told, is_manifest, parse_manifest
from agents.core.bills.pinned import Pinned, PinnedFile, check_names, file_kind
from agents.core.bills.stores import Missing, ObjectStore
from telemetry.errors import CollectionFailed
from telemetry.target import Window


@dataclass(frozen=True)
class Brought:
    """Where files are."""

    #: The folder that holds all of them; its store is opened there.
    folder: str
    #: Their paths below it; none: all that is in it.
    names: tuple[str, ...]


def url_of(text: str) -> str:
    """The URL of a path, or of what is a URL already; of a folder with a slash at its end."""
    if "://" in text:
        return text
    path = Path(text).absolute()
    return f"{path.as_uri().rstrip('/')}/" if path.is_dir() else path.as_uri()


def locate(urls: Sequence[str]) -> Brought:
    """Where the files of these URLs are; CollectionFailed where they are not in one store."""
    try:
        parts = [urlsplit(url) for url in urls]
    except ValueError:
        raise CollectionFailed("an address cannot be read: write it as s3://bucket/folder/file.csv") from None
    if any(one.query or one.fragment for one in parts):
        raise CollectionFailed("an address may hold no query or fragment: name who reads it with --credentials")
    if len({(one.scheme, one.netloc) for one in parts}) > 1:
        raise CollectionFailed(
            "the files of one bill have to be in one bucket, or all of them here: copy them together"
        )
    paths = [unquote(one.path) for one in parts]
    folders = [path for path in paths if path.endswith("/") or path == ""]
    if folders and len(paths) > 1:
        raise CollectionFailed(f"{folders[0]}: a folder is a bill by itself: name one folder, or files alone")
    common = posixpath.commonpath([posixpath.dirname(path) or "/" for path in paths])
    names = () if folders else tuple(path[len(common) :].lstrip("/") for path in paths)
    return Brought(urlunsplit(parts[0]._replace(path=quote(common) or "/")), names)


def pin(store: ObjectStore, brought: Brought, window: Window, now: datetime) -> tuple[Pinned, str]:
    """The files as they are now, and the type of bill that their manifest names, where there is one that does.

    CollectionFailed where one is missing, is of no form that can be read, or the manifest is of another month.
    """
    manifest, files = _found(store, brought, window)
    if not files and manifest is None:
        raise CollectionFailed(f"{brought.folder}: there is no file in it whose name ends in .csv, .csv.gz or .parquet")
    digest = sha256(f"{brought.folder} {now.isoformat()}".encode())
    for file in files:
        digest.update(f"\0{file.entry.key} {file.entry.etag} {file.entry.size}".encode())
    written = max((file.entry.modified for file in files if file.entry.modified is not None), default=None)
    rows = None if manifest is None else manifest.rows
    return Pinned(version=digest.hexdigest(), files=tuple(files), submitted_at=written, rows=rows), (
        "" if manifest is None else manifest.kind
    )


def _found(store: ObjectStore, brought: Brought, window: Window) -> tuple[Manifest | None, list[PinnedFile]]:
    keys = [f"{store.prefix}/{name}".strip("/") for name in brought.names]
    if len(keys) == 1 and is_manifest(keys[0]):
        text, entry = store.read(keys[0])
        manifest = _of_month([parse_manifest(entry, text)], window)
        return manifest, list(_promised(store, manifest, None))
    if keys:
        return None, [_file(store.head(key)) for key in dict.fromkeys(keys)]
    entries = sorted(store.list(store.prefix), key=lambda entry: entry.key)
    told = [entry for entry in entries if is_manifest(entry.key)]
    if told:
        manifest = _of_month([parse_manifest(entry, store.read(entry.key)[0]) for entry in told], window)
        return manifest, list(_promised(store, manifest, entries))
    check_names(brought.folder, [entry.key for entry in entries])
    return None, [_file(entry) for entry in entries if _is_readable(entry.key)]


def _of_month(manifests: Sequence[Manifest], window: Window) -> Manifest:
    """The one that counts: of the month that is asked for the last."""
    own = [one for one in manifests if one.month == window]
    if not own:
        months = ", ".join(sorted({f"{one.month.start:%Y-%m}" for one in manifests}))
        raise CollectionFailed(f"{manifests[0].key}: it is of {months}: name that month with --period")
    if len(exports := sorted({one.export for one in own} - {""})) > 1:
        raise CollectionFailed(
            f"several exports write there: {', '.join(exports)[:300]}: name the folder of one of them"
        )
    return max(own, key=lambda one: one.order)


def _promised(store: ObjectStore, manifest: Manifest, entries: Sequence[Entry] | None) -> Iterator[PinnedFile]:
    """The files that a manifest names. In a copy of the folder their keys may begin with another one."""
    for told in manifest.files:
        if entries is None:
            try:
                entry = store.head(told.key)
            except Missing:
                entries = list(store.list(store.prefix))
        if entries is not None:
            entry = _one_of(entries, told.key, manifest.key)
        yield _file(entry, told)


def _one_of(entries: Sequence[Entry], key: str, manifest: str) -> Entry:
    ends = [one for one in entries if f"/{key}".endswith(f"/{one.key}") or f"/{one.key}".endswith(f"/{key}")]
    found = [one for one in entries if one.key == key] or ends
    if len(found) != 1:
        what = "it is not there" if not found else f"{len(found)} files there may be it"
        raise CollectionFailed(f"{manifest}: {key}: the manifest names this file, and {what}: name the folder of both")
    return found[0]


def _is_readable(key: str) -> bool:
    name = key.rpartition("/")[2]
    if name.startswith((".", "_")) or name.endswith((".tmp", ".part", ".crc")):
        return False
    try:
        file_kind(key)
    except ValueError:
        return False
    return True


def _file(entry: Entry, told: Told | None = None) -> PinnedFile:
    try:
        kind, compression = file_kind(entry.key)
    except ValueError as error:
        raise CollectionFailed(str(error)) from None
    rows, size = (told.rows, told.size) if told is not None else (None, None)
    return PinnedFile(entry=entry, format=kind, compression=compression, rows=rows, bytes=size)
