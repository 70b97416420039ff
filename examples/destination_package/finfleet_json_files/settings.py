"""``kind: json_files``: where the files are written."""

from __future__ import annotations

from typing import Literal

from telemetry.settings.destinations import DestinationSettings
from telemetry.settings.fields import FilePath


class JsonFilesSettings(DestinationSettings):
    """A directory of the machine that forwards."""

    kind: Literal["json_files"]
    directory: FilePath
