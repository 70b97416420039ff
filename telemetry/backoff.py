"""How long to wait before something that failed is tried again.

Two laws, for two needs. Where many come back to one thing, full jitter spreads them best. Where what failed must rest
for a while in any case, since tries count as evidence or a message would go round in a circle, equal jitter waits at
least half. A provider's own word (Retry-After) has precedence over both, at whoever hears it.
"""

from __future__ import annotations

import random


def ceiling(failures: int, first: float, longest: float) -> float:
    """``first`` seconds after the first failure, doubled with each one more, ``longest`` at the most."""
    return min(longest, first * 2.0 ** min(failures - 1, 60))


def full_jitter(failures: int, first: float, longest: float) -> float:
    """Anything up to the ceiling."""
    return random.uniform(0.0, ceiling(failures, first, longest))  # noqa: S311 - spreads load, keeps no secret


def equal_jitter(failures: int, first: float, longest: float) -> float:
    """From half the ceiling up to it."""
    most = ceiling(failures, first, longest)
    return random.uniform(most / 2, most)  # noqa: S311 - spreads load, keeps no secret
