"""What somebody else's code raises, as one of our errors: with its kind, and with the remedy where it is known.

An SDK, a service of another distribution, a library in between: each may raise whatever it likes, a panic of an
extension in Rust among it, which is no Exception. Only what is meant for this process goes through (:data:`THROUGH`).
"""

from __future__ import annotations

import json
import math
import socket
import ssl

from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.redact import redact

THROUGH = (KeyboardInterrupt, GeneratorExit)
"""Somebody ends the program, or wants no more of a generator."""
_MAX_TEXT = 1000
_AWAY = (ConnectionError, TimeoutError, socket.gaierror)
_REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    (EOFError, "it wanted something to be typed, and nobody is there: use credentials that ask for nothing"),
    (ImportError, "install what is missing on this worker"),
    (ssl.SSLCertVerificationError, "set ca_file, or SSL_CERT_FILE, to the certificates that sign it"),
    (
        json.JSONDecodeError,
        "what should be JSON is none: a proxy in between, or a program that prints more, may be why",
    ),
    (FileNotFoundError, "put the file there, or change the setting that names it"),
    (PermissionError, "let this process read it"),
    (MemoryError, "give the worker more memory, or fewer slots"),
)


def ours(error: BaseException) -> CollectionError:
    """``error`` itself, where it is one of ours that can be reported; else one that says what it was."""
    if isinstance(error, CollectionError) and _is_sound(error):
        return error
    text = f"{type(error).__name__}: {_text_of(error)}"
    remedy = next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), "")
    text = f"{text}: {remedy}" if remedy else text
    return Unavailable(text) if isinstance(error, _AWAY) else CollectionFailed(text)


def _is_sound(error: CollectionError) -> bool:
    """Whether everything that a report takes from it is there: a class of theirs may have changed its arguments."""
    try:
        wait = error.retry_after
        named = error.permission if isinstance(error, Denied) else error.scope if isinstance(error, Throttled) else ""
        redact(f"{error}{named}")
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it cannot be reported as it is
        return False
    return wait is None or 0 <= wait < math.inf


def _text_of(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:_MAX_TEXT]
    except Exception:  # noqa: BLE001 - it cannot even say what it is
        return "no more can be said"
