"""Keeps secrets out of texts: the values that were configured, and whatever looks like one.

A last line of defence. The first is that secrets are SecretStr, and never formatted.
"""

from __future__ import annotations

import logging
import re
import threading

from telemetry.text import shown

MASK = "********"
_MIN_LENGTH = 6  # a shorter "secret" would blank out ordinary words
_PATTERNS = (
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),  # user:password in a URL
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)(?<=signature=)[0-9a-f]{32,}"),
)
_known: set[str] = set()
_lock = threading.Lock()


def remember(secret: str) -> None:
    """Blank out this value in every text from now on."""
    if len(secret) >= _MIN_LENGTH:
        with _lock:
            _known.add(secret)


def redact(text: str) -> str:
    """``text`` with every known secret, and everything that has the form of one, masked."""
    # The longest first: one secret may be the beginning of another.
    for secret in sorted(_known.copy(), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats a log record, traceback and all, and masks what is secret, and what would steer a terminal, in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished entry; its further lines are indented, so that none can look like an entry of its own."""
        return shown(redact(super().format(record)), lines=True).replace("\n", "\n  ")
