"""Rows as CSV: UTF-8, a header, quotes where they are needed, nothing for NULL; packed by gzip where it is asked for.

A text that begins with ``=`` stays as it is: these files are for programs, which would take a further character for a
part of the text.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import IO

from storage.export.snapshot import Column

_LEVEL = 6


class CsvFile:
    """Writes what it is given."""

    def __init__(self, out: IO[bytes], columns: Sequence[Column], *, compress: bool) -> None:
        # Without a name and a time, so that the same rows are the same bytes.
        self._packed = gzip.GzipFile("", "wb", _LEVEL, out, mtime=0) if compress else None
        self._out: IO[bytes] = self._packed or out  # type: ignore[assignment]  # which is as good
        self._out.write((",".join(one.name for one in columns) + "\n").encode())

    def add(self, rows: Sequence[bytes]) -> None:
        """Write lines of CSV."""
        self._out.writelines(rows)

    def close(self) -> None:
        """Write what is left; the file itself is the caller's."""
        if self._packed is not None:
            self._packed.close()
