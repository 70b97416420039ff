"""Grants: the proof that a planner handed out an attempt.

Whoever can publish on the results queue could make up a run of any window, and the ledger would settle the window with
it. So the planner signs each attempt, the collect task passes the signature on, and the ingest takes no batch and no
report of a run without it (docs/adr/0011-grants.md).

Form: ``1.EXPIRES.SIGNATURE``: the time after which the grant no longer counts, in seconds since 1970, and an
HMAC-SHA256 of that time, the target, the window and the attempt, in base64url. The keys are ``ledger.signing_keys``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from telemetry.batch import Run
from telemetry.errors import MessageError
from telemetry.target import Target, Window, format_time

RESULTS_MAY_WAIT = timedelta(days=7)
"""How long after the end of its lease a run still counts: an ingest may be away for a weekend."""
_VERSION = "1"


class NotGranted(MessageError):
    """A message bears no grant of this fleet's planner."""

    code = "not_granted"


def grant(key: SecretStr, target: Target, window: Window, attempt: int, lease_end: datetime) -> str:
    """What the planner gives with an attempt whose lease ends at ``lease_end``."""
    expires = str(int((lease_end + RESULTS_MAY_WAIT).timestamp()))
    return f"{_VERSION}.{expires}.{_signature(key, expires, target, window, attempt)}"


def check_grant(keys: Sequence[SecretStr], run: Run, now: datetime) -> None:
    """Raise NotGranted, which says why, unless one of ``keys`` has signed the attempt of ``run``."""
    version, _, rest = run.grant.partition(".")
    expires, _, signature = rest.partition(".")
    what = f"attempt {run.attempt} of {run.target} {run.window}"
    if version != _VERSION or not (expires.isascii() and expires.isdigit() and len(expires) < 12):  # noqa: PLR2004 - digits of a time up to the year 5138
        raise NotGranted(f"run.grant: it is missing or has no form that is known: only a planner hands out {what}")
    signed = (_signature(key, expires, run.target, run.window, run.attempt).encode() for key in keys)
    if not any(hmac.compare_digest(own, signature.encode("utf-8", "replace")) for own in signed):
        raise NotGranted(f"run.grant: no key of ledger.signing_keys has signed it for {what}")
    until = datetime.fromtimestamp(int(expires), UTC)
    if now > until:
        raise NotGranted(f"run.grant: it counted until {format_time(until)}: {what} was handed out too long ago")


def _signature(key: SecretStr, expires: str, target: Target, window: Window, attempt: int) -> str:
    text = f"finfleet grant {_VERSION}\n{expires}\n{target}\n{window}\n{attempt}"
    digest = hmac.new(key.get_secret_value().encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
