"""Maintenance by the configuration: what it keeps, and for how long."""

from __future__ import annotations

from storage.anomalies import keeping as anomalies
from storage.anomalies.rules import Rules
from storage.forecasts import keeping as forecasts
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
    steps = STEPS
    if settings.anomalies.enabled:
        steps += (anomalies.step(rules_of(settings)),)
    if settings.forecasts.enabled:
        steps += (forecasts.step(settings.anomalies.settle),)
    return steps
