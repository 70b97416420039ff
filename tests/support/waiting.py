"""Wait for a condition, with a deadline, in place of sleeping and hoping."""

import time
from collections.abc import Callable

_PATIENCE = 3
"""How many times longer a test waits than it should have to: that the machine is busy is no fault of what is tested."""


_PAUSE = 0.02
"""Seconds between two looks; more where a look takes long."""
_LONGEST_PAUSE = 0.2


def patient(seconds: float) -> float:
    """How long that may take here which takes so many seconds on a quiet machine."""
    return seconds * _PATIENCE


def until(condition: Callable[[], object], within: float = 10.0, what: str = "") -> None:
    """Return as soon as `condition()` is true; fail where a quiet machine would take longer than so many seconds."""
    deadline = time.monotonic() + patient(within)
    while True:
        begun = time.monotonic()
        if condition():
            return
        if (now := time.monotonic()) > deadline:
            raise AssertionError(f"not within {patient(within):g} s: {what or condition}")
        # Who asks a server fifty times a second keeps it, and what is waited for, from working.
        time.sleep(min(max(_PAUSE, 4 * (now - begun)), _LONGEST_PAUSE))
