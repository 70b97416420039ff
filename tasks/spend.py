"""The budget of a day for the whole fleet: one sum per account and day in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import cast

import redis

from telemetry.errors import FleetUnavailable

_PREFIX = "finfleet:spend:"
_NANO = Decimal("1e9")  # Redis adds whole numbers exactly
_KEPT = 172_800  # seconds: the day, whatever the clocks say
_RESERVE = """
local total = tonumber(redis.call('GET', KEYS[1]) or '0') + tonumber(ARGV[1])
if total > tonumber(ARGV[2]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class RedisSpend:
    """One sum for everybody who shares this Redis."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script; no connection is made before the first use."""
        self._reserve = client.register_script(_RESERVE)

    def reserve(self, key: str, amount: Decimal, budget: Decimal) -> bool:
        """Add ``amount`` (dollars), unless the sum would then be above ``budget``; whether it was added.

        Without Redis nobody knows what was spent, so nothing is: FleetUnavailable.
        """
        try:
            return bool(self._reserve(keys=[_PREFIX + key], args=[_nano(amount), int(budget * _NANO), _KEPT]))
        except redis.RedisError as error:
            raise FleetUnavailable(f"the budget of {key} cannot be read: {error}") from None


def used_share(client: redis.Redis, accounts: Sequence[str], budget: Decimal, now: datetime) -> float:
    """What part of today's budget the account (``aws/production``) has used that has used most of its own.

    RedisError where Redis does not answer.
    """
    sums = cast("list[bytes | None]", client.mget([f"{_PREFIX}{account}/{now:%Y-%m-%d}" for account in accounts]))
    most = max((int(nano) for nano in sums if nano is not None), default=0)
    return float(Decimal(most) / _NANO / budget)


def _nano(amount: Decimal) -> int:
    return int((amount * _NANO).to_integral_value(ROUND_CEILING))
