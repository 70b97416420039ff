"""Maintenance by the configuration: what it keeps, and for how long, and by which rules it allocates."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from storage.allocation.reading import read_rules
from storage.allocation.stored import save
from storage.anomalies import keeping as anomalies
from storage.anomalies.rules import Rules
from storage.database import Database
from storage.forecasts import keeping as forecasts
from storage.maintenance import STEPS, Step
from storage.retention import Kept
from telemetry.errors import ConfigError
from telemetry.logs import fields
from telemetry.settings import Settings

logger = logging.getLogger(__name__)


def check_rules(settings: Settings) -> None:
    """ConfigError where the file that ``allocation`` names is none."""
    if settings.allocation.file is not None:
        read_rules(Path(settings.allocation.file))


def load_rules(database: Database, settings: Settings, now: datetime, by: str) -> None:
    """Keep the rules of allocation as the file has them now; one that cannot be read leaves those that are kept."""
    if settings.allocation.file is None:
        return
    try:
        document = read_rules(Path(settings.allocation.file))
    except ConfigError as error:
        logger.error("allocation: the rules stay as they were: %s", error, extra=fields(event="allocation_rules"))  # noqa: TRY400 - its text says all
        return
    with database.connection() as connection:
        save(connection, document, now, by)


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
