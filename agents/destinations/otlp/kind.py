"""The kind ``otlp``, as the registry knows it."""

from __future__ import annotations

from typing import Any

from agents.core.destination import Destination, DestinationKind, missing_extra, section_name
from agents.destinations.otlp.settings import OtlpSettings


class OtlpKind(DestinationKind):
    """OpenTelemetry metrics over OTLP/HTTP."""

    settings = OtlpSettings

    def open(self, name: str, settings: Any) -> Destination:
        """The server that the section names; ConfigError where the extra ``otlp`` is not installed."""
        try:
            from agents.destinations.otlp.destination import Otlp  # noqa: PLC0415 - only who forwards needs protobuf
        except ModuleNotFoundError as error:
            package = error.name
        else:
            return Otlp(name, settings)
        raise missing_extra(section_name(name, short_form=False), "otlp", package)
