"""Time that a test sets."""

import shutil
from datetime import datetime
from functools import partial

import pytest

from agents.core.context import Shared
from agents.standalone import agent as standalone
from tests.support.absent import absent

STRICT = ("-W", "error", "-W", "ignore:You are using a:FutureWarning:google.api_core._python_version_support")
"""Warnings are errors for a Python of these options, but for Google's about Python's age, which the calendar brings."""

MOMENTS_VARIABLE = "FINFLEET_TEST_MOMENTS"
"""The variable that tells `tests.support.under_faketime` its moments, with commas between."""


def agents_at(patch: pytest.MonkeyPatch, now: datetime) -> None:
    """Let agents of scripts, which have no clock to be given, take it to be ``now`` for the rest of the test."""
    patch.setattr(standalone, "Shared", partial(Shared, now=lambda: now))


def find_faketime() -> str:
    """The program; without it the test that asks is skipped, in CI it fails."""
    found = shutil.which("faketime")
    if found is None:
        reason = (
            "faketime is not installed (Debian: faketime): other hours, the ends of months and years are NOT TESTED"
        )
        absent(reason)
    return found
