"""Amazon resource names: ``arn:aws:rds:us-east-1:123456789012:db:orders``."""

from __future__ import annotations

from agents.core.items import Unreadable

_PARTS = 6


def place_of(arn: str) -> tuple[str, str]:
    """The region and the account that a resource name tells; Unreadable where it is none."""
    parts = arn.split(":", _PARTS - 1)
    if len(parts) < _PARTS or parts[0] != "arn" or not parts[3] or not parts[4]:
        raise Unreadable(f"{arn[:100]!r} is no name of a resource")
    return parts[3], parts[4]
