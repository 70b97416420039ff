"""What a configuration lacks that a command reads without needing it: said on standard error, once."""

from __future__ import annotations

from telemetry.settings import Settings
from telemetry.settings.loading import unset_variables
from telemetry.settings.registry import providers
from telemetry.terminal import complain


def say_what_is_missing(settings: Settings) -> None:
    """Name every variable that is not set, all at once, and say so where nothing is collected or stored at all."""
    lines = [f"{line} where it is needed" for line in unset_variables()]
    if not any(True for _ in settings.providers()) and not settings.push_sources:
        names = ", ".join(f"{name}:" for name in providers())
        lines.append(f"nothing is collected: no provider is enabled; write a section, one of {names}")
    for line in lines:
        complain(f"finfleet: {line}")
