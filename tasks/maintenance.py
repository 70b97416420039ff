"""Maintenance by the configuration: what it keeps, and for how long."""

from __future__ import annotations

from storage.anomalies.keeping import step
from storage.anomalies.rules import Rules
from storage.maintenance import STEPS, Step
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


def rules_of(settings: Settings) -> Rules:
    """What the section ``anomalies`` says."""
    said = settings.anomalies
    return Rules(
        deviations=said.deviations,
        share=said.share,
        amount=said.amount,
        amounts=said.amounts,
        settle=said.settle,
    )


def steps_of(settings: Settings) -> tuple[Step, ...]:
    """The steps of maintenance that the configuration asks for."""
    return (*STEPS, step(rules_of(settings))) if settings.anomalies.enabled else STEPS
