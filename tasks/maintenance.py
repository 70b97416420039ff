"""Maintenance by the configuration: what it keeps, and for how long."""

from __future__ import annotations

from storage.retention import Kept
from telemetry.settings import Settings


def kept_by(settings: Settings) -> Kept:
    """What the section ``retention`` says."""
    said = settings.retention
    return Kept(
        points=said.points,
        hourly=said.hourly,
        daily=said.daily,
        runs=said.runs,
        history=said.history,
        sent=said.sent,
        pushes=said.pushes,
    )
