"""Writes batches into files: ``DIRECTORY/PROVIDER/YYYY-MM-DD/BATCH.jsonl``, a record a line.

The name of a file is the batch's id, which is the same when it is sent again: so each batch is there once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from agents.core.destination import Destination, shaping
from finfleet_json_files.settings import JsonFilesSettings
from telemetry.batch import Batch
from telemetry.builder import unpack
from telemetry.errors import ForwardRetry
from telemetry.records import Resource


class JsonFiles(Destination):
    """One directory."""

    longest = 60.0

    def __init__(self, settings: JsonFilesSettings) -> None:
        self.label = f"files in {settings.directory}"
        self._directory = Path(settings.directory)

    def send(self, batch: Batch) -> str:
        """Write the batch whole, or not at all; ForwardRetry where the disk takes nothing now."""
        with shaping(batch, self.label):
            body = b"".join(msgspec.json.encode(line) + b"\n" for line in _lines(batch))
        target = batch.run.target
        path = self._directory / target.provider / f"{batch.run.window.start:%Y-%m-%d}" / f"{batch.batch_id}.jsonl"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, body)
        except OSError as error:
            raise ForwardRetry(f"{path}: {error.strerror}") from None
        return ""

    def abort(self) -> None:
        """Nothing: a write is over in a moment."""

    def close(self) -> None:
        """Nothing is open between two batches."""


def _lines(batch: Batch) -> Iterator[dict[str, Any]]:
    """Amounts are texts, so that no reader rounds them; times are ISO 8601 in UTC."""
    where = {"target": str(batch.run.target), "window": str(batch.run.window), "run": str(batch.run.run_id)}
    for resource in batch.resources:
        yield {"record": "Resource", **where, **_named(resource)}
    for record in unpack(batch):
        if not isinstance(record, Resource):  # one without figures; it has its line
            yield {"record": type(record).__name__, **where, **_named(record)}


def _named(record: msgspec.Struct) -> dict[str, Any]:
    """The fields by name; a resource within a record by its own id."""
    found: dict[str, Any] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        found[name] = value.resource_id if hasattr(value, "resource_id") else value
    return found


def _write_whole(path: Path, body: bytes) -> None:
    """A reader sees the whole file or none."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
