"""The kind ``json_files``, as finfleet's registry knows it."""

from __future__ import annotations

from typing import Any

from agents.core.destination import Destination, DestinationKind
from finfleet_json_files.settings import JsonFilesSettings


class JsonFilesKind(DestinationKind):
    """Files of JSON lines, a batch each."""

    settings = JsonFilesSettings

    def open(self, name: str, settings: Any) -> Destination:
        """The directory that the section names."""
        del name
        from finfleet_json_files.destination import JsonFiles  # noqa: PLC0415 - only a process that forwards needs it

        return JsonFiles(settings)
