"""Whose a resource is that two services of a provider can see: the one's that claims its id, and nobody else's.

A claim is a pattern of the provider's own ids, in small letters: ``arn:*:ec2:*:*:instance/*``. Its parts stand between
``:`` and ``/``; ``*`` is any one part, and at the end any number of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ANY = "*"
_BETWEEN = re.compile(r"[:/]")


def is_claimed(claims: Iterable[str], resource_id: str) -> bool:
    """Whether any of the claims covers the id."""
    return any(overlap(claim, resource_id.lower().replace(_ANY, "")) for claim in claims)


def overlap(one: str, other: str) -> bool:
    """Whether there could be an id that both cover."""
    first, second = _BETWEEN.split(one), _BETWEEN.split(other)
    short, long = sorted((first, second), key=len)
    if len(short) < len(long) and short[-1] != _ANY:
        return False
    return all(a == b or _ANY in {a, b} for a, b in zip(short, long, strict=False))
