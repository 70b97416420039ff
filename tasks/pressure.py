"""Back-pressure: whether a queue of results is so far behind that more work would only make it longer.

Each kind is held back by its own queue: a flood of what is pushed delays no planning, and bills delay no metrics.
"""

from __future__ import annotations

from tasks.results import BILLS, NAME, CarrierUnavailable
from tasks.runtime import runtime


def pressure(*, bills: bool = False) -> str:
    """Why nothing new should be handed out of services that bring bills, or of the others; empty where all is well."""
    limits = runtime.settings().ledger
    name, words = (BILLS, "queue of bills") if bills else (NAME, "results queue")
    try:
        depth = runtime.carrier(name).depth()
    except CarrierUnavailable as error:
        return f"the {words} cannot be reached: {error}"
    if depth.messages > limits.max_backlog:
        return f"{depth.messages} messages wait on the {words}, more than ledger.max_backlog ({limits.max_backlog})"
    if depth.oldest_age is not None and depth.oldest_age > limits.max_backlog_age.total_seconds():
        return (
            f"the oldest result on the {words} waits for {depth.oldest_age:.0f} s, longer than ledger.max_backlog_age"
        )
    return ""
