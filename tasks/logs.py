"""Celery's log lines, with everything secret masked."""

from __future__ import annotations

import logging
from typing import Any

from telemetry.redact import RedactingFormatter


def redact_handlers(logger: logging.Logger, **_: Any) -> None:
    """Give every handler of ``logger`` a formatter that masks secrets, with the format that it had."""
    for handler in logger.handlers:
        former = handler.formatter
        style = former._fmt if former is not None else None  # noqa: SLF001 - logging has no public way to read it
        handler.setFormatter(RedactingFormatter(style))
