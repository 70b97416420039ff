"""Back-pressure: whether the results queue is so far behind that more work would only make it longer."""

from __future__ import annotations

from tasks import runtime
from tasks.results import CarrierUnavailable


def pressure() -> str:
    """Why nothing new should be handed out, in words; empty where all is well."""
    limits = runtime.settings().ledger
    try:
        depth = runtime.carrier().depth()
    except CarrierUnavailable as error:
        return f"the results queue cannot be reached: {error}"
    if depth.messages > limits.max_backlog:
        return (
            f"{depth.messages} messages wait on the results queue, more than ledger.max_backlog ({limits.max_backlog})"
        )
    if depth.oldest_age is not None and depth.oldest_age > limits.max_backlog_age.total_seconds():
        return f"the oldest result waits for {depth.oldest_age:.0f} s, longer than ledger.max_backlog_age"
    return ""
