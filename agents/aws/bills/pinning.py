"""Pins the files of a manifest: from then on each of them is read as it is now, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from agents.aws.bills.bucket import Bucket
from agents.aws.bills.manifests import Manifest
from agents.core.bills.entry import Entry
from agents.core.bills.pinned import Pinned, PinnedFile, file_kind
from agents.core.bills.stores import Changed, Missing
from telemetry.errors import CollectionFailed


def pin(bucket: Bucket, manifest: Manifest, written: Entry) -> Pinned:
    """The version that a manifest is of, which lies there as ``written``."""
    files = tuple(_files(bucket, manifest, written))
    return Pinned(version=manifest.version, files=files, submitted_at=written.modified)


def _files(bucket: Bucket, manifest: Manifest, written: Entry) -> Iterator[PinnedFile]:
    """The files as they are now. Changed where one was written after the manifest: it is of the next version."""
    for key in manifest.files:
        try:
            entry = bucket.head(key)
        except Missing:
            raise Changed(
                f"{bucket.url}/{key}: the manifest names it, and it is not there: either a new version is being "
                "written, or the file was deleted"
            ) from None
        if entry.modified is not None and written.modified is not None and entry.modified > written.modified:
            raise Changed(
                f"{bucket.url}/{key}: it is newer than the manifest that names it: AWS is writing the next version; "
                "that one is read then (in a copy of a bucket, copy manifests last)"
            )
        try:
            form, compression = file_kind(key)
        except ValueError as error:
            raise CollectionFailed(f"{bucket.url}/{error}") from None
        yield PinnedFile(entry=entry, format=form, compression=compression)
