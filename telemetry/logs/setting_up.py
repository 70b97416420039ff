"""Where log lines go and which of them: ours from one level on, those of SDKs and of Celery from another one."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import TracebackType

from telemetry.errors import ConfigError
from telemetry.logs.fields import fields
from telemetry.logs.formats import FORMATS, Formatter

FORMAT_VARIABLE = "FINFLEET_LOG_FORMAT"
LEVEL_VARIABLE = "FINFLEET_LOG_LEVEL"
SDK_VARIABLE = "FINFLEET_LOG_LEVEL_SDK"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_OURS = ("agents", "storage", "tasks", "telemetry", "workers", "finfleet")
_TO_THEMSELVES = ("google",)
"""Loggers of libraries that keep their lines to themselves unless somebody has set them up (google.api_core)."""
_GROUPS = ("finfleet.providers", "finfleet.services", "finfleet.destinations")
_uncaught_logger = logging.getLogger("finfleet")


@dataclass(frozen=True)
class Levels:
    """From which level on lines are written, and in which form."""

    form: str = "text"
    ours: str = "WARNING"
    sdk: str = "WARNING"


def levels_of(environ: Mapping[str, str] = os.environ, default: str = "WARNING") -> Levels:
    """What the environment asks for; ConfigError names the variable that asks for what there is not."""
    wanted = (
        (FORMAT_VARIABLE, "text", tuple(FORMATS)),
        (LEVEL_VARIABLE, default, LEVELS),
        (SDK_VARIABLE, "WARNING", LEVELS),
    )
    found, faults = [], []
    for name, otherwise, known in wanted:
        given = environ.get(name) or otherwise
        value = given.lower() if name == FORMAT_VARIABLE else given.upper()
        if value not in known:
            faults.append(f"{name}: {given}: use one of {', '.join(known)}")
        found.append(value)
    if faults:
        raise ConfigError("environment", tuple(faults))
    return Levels(*found)


def set_up(levels: Levels) -> None:
    """Write log lines to standard error, in the form that ``levels`` names, whoever wrote them before."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(levels.form, getattr(handler.stream, "encoding", None) or "utf-8"))
    write_to(handler, levels)


def write_to(handler: logging.Handler, levels: Levels) -> list[logging.Handler]:
    """Have all lines go to ``handler``, and warnings as well; returns where they went before."""
    root = logging.getLogger()
    former, root.handlers[:] = root.handlers[:], [handler]
    root.setLevel(levels.sdk)
    if levels.ours != levels.sdk:
        for name in (*_OURS, *_of_other_distributions()):
            logging.getLogger(name).setLevel(levels.ours)
    for name in _TO_THEMSELVES:
        logger = logging.getLogger(name)
        logger.propagate = True
        logger.setLevel(levels.sdk)  # by which its library sees that somebody has set it up, also later
    logging.captureWarnings(capture=True)
    # Of a warning only what is wrong: not the line of somebody's source code.
    warnings.formatwarning = _in_a_line
    return former


def is_set_up() -> bool:
    """Whether lines are written in a form of ours already."""
    return any(isinstance(handler.formatter, Formatter) for handler in logging.getLogger().handlers)


def log_what_nobody_caught() -> None:
    """Have an exception that ends the process, or a thread, be a line like every other."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _of_other_distributions() -> set[str]:
    """The packages whose services, providers and destinations are registered: what they log is no chatter."""
    return {entry.value.partition(":")[0].partition(".")[0] for group in _GROUPS for entry in entry_points(group=group)}


def _in_a_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    del line
    return f"{category.__name__}: {' '.join(str(message).split())} ({filename}:{lineno})"


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _uncaught_logger.critical(
        "the process ends: %s", error, exc_info=(kind, error, trace), extra=fields(event="uncaught")
    )


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is SystemExit or what.exc_value is None:
        return
    name = what.thread.name if what.thread is not None else "a thread"
    _uncaught_logger.critical(
        "the thread %s ends: %s",
        name,
        what.exc_value,
        exc_info=(what.exc_type, what.exc_value, what.exc_traceback),
        extra=fields(event="uncaught"),
    )
