"""The key that planner and ingest of the tests have, and grants by it."""

from datetime import UTC, datetime

from pydantic import SecretStr

from telemetry.grants import grant
from telemetry.target import Target, Window

KEY = SecretStr("the-signing-key-of-the-tests-00000")
_FAR = datetime(2099, 1, 1, tzinfo=UTC)
"""A grant of a test counts whatever the hour."""


def granted(target: Target, window: Window, attempt: int = 1) -> str:
    """What the planner would give."""
    return grant(KEY, target, window, attempt, _FAR)
