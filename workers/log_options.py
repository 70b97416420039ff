"""What the long-running commands have in common: how and how much they log."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from telemetry.logs import FORMATS, LEVELS, Levels, levels_of, log_what_nobody_caught, set_up
from telemetry.logs.setting_up import FORMAT_VARIABLE, LEVEL_VARIABLE, SDK_VARIABLE
from telemetry.terminal import complain_by

R = TypeVar("R")

_DEFAULT = "INFO"


def log_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command ``--log-format``, ``--log-level`` and ``--log-level-sdk``, and have it log so."""

    @functools.wraps(command)
    def logging_so(log_format: str | None, log_level: str | None, log_level_sdk: str | None, **given: Any) -> R:
        variables = {FORMAT_VARIABLE: log_format, LEVEL_VARIABLE: log_level, SDK_VARIABLE: log_level_sdk}
        # Processes that this one starts log likewise.
        os.environ.update({name: value for name, value in variables.items() if value})
        start_logging()
        return command(**given)

    decorated: Callable[..., R] = logging_so
    for option in reversed(_options()):
        decorated = option(decorated)
    return decorated


def start_logging() -> Levels:
    """Log as the environment says, what nobody catches included; what was wrong before is said in the same form."""
    levels = levels_of(default=_DEFAULT)
    set_up(levels)
    log_what_nobody_caught()
    if levels.form != "text":
        logger = logging.getLogger("finfleet")
        complain_by(lambda said: logger.error("%s", said))
    return levels


def _options() -> list[Callable[[Callable[..., R]], Callable[..., R]]]:
    return [
        click.option(
            "--log-format",
            type=click.Choice(tuple(FORMATS)),
            help=f"Form of log lines: text for people, json or logfmt for programs [env: {FORMAT_VARIABLE}].",
        ),
        click.option(
            "--log-level",
            type=click.Choice(LEVELS, case_sensitive=False),
            help=f"Least level that is logged [default: {_DEFAULT}; env: {LEVEL_VARIABLE}].",
        ),
        click.option(
            "--log-level-sdk",
            type=click.Choice(LEVELS, case_sensitive=False),
            help=f"The same for Celery and for the SDKs of the clouds [default: WARNING; env: {SDK_VARIABLE}].",
        ),
    ]
