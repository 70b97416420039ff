"""A file in an object store, as a listing tells of it."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A file as it was when it was listed, or its head was read."""

    #: Whole, inside its bucket, container or folder.
    key: str
    size: int
    #: What has to be the same when it is read; with its quotes, where the store gives them.
    etag: str
    modified: datetime | None = None
