"""Wait for a condition, with a deadline, in place of sleeping and hoping."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], within: float = 10.0, what: str = "") -> None:
    """Return as soon as `condition()` is true; fail the test when it is not within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what or condition}")
        time.sleep(0.02)
