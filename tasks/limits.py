"""The quota budget of the whole fleet: a token bucket per scope in Redis, shared by every worker."""

from __future__ import annotations

import logging
import time

import redis

from agents.core.limits import Quota
from telemetry.errors import FleetUnavailable, Throttled

logger = logging.getLogger(__name__)

_PREFIX = "finfleet:quota:"
# One step in Redis, by Redis's own clock: read, refill, take one token (on credit), give the wait in milliseconds, and
# how much silence there was in all. A caller that could not come before its deadline takes nothing.
_ACQUIRE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local rate, burst, patience = tonumber(ARGV[1]) / 1000, tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'updated', 'quiet', 'silence')
local free = math.max(now, tonumber(bucket[3]) or 0)
local updated = tonumber(bucket[2]) or free
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + math.max(0, free - updated) * rate)
local wait = free - now + math.max(0, math.ceil((1 - tokens) / rate))
if wait > patience then return {0, wait, 0} end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - 1), 'updated', free)
redis.call('PEXPIRE', KEYS[1], math.ceil(wait + burst / rate) + 60000)
return {1, wait, tonumber(bucket[4]) or 0}
"""
# Nothing flows in meanwhile, and turns stay as far apart as they were: those who wait come later by the silence.
_QUIET = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'updated', 'quiet', 'silence')
local former = math.max(now, tonumber(bucket[2]) or 0)
local until_ = math.max(former, now + tonumber(ARGV[1]))
local silence = (tonumber(bucket[3]) or 0) + until_ - former
redis.call('HSET', KEYS[1], 'quiet', until_, 'silence', silence)
redis.call('HSET', KEYS[1], 'updated', (tonumber(bucket[1]) or now) + until_ - former)
redis.call('HSETNX', KEYS[1], 'tokens', '0')
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]) + 60000))
return 1
"""


class RedisLimiter:
    """One budget per scope for everybody who shares this Redis."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the scripts; no connection is made before the first use."""
        self._client = client
        self._acquire = client.register_script(_ACQUIRE)
        self._quiet = client.register_script(_QUIET)

    def acquire(self, scope: str, quota: Quota, deadline: float) -> None:
        """Wait until one call of ``scope`` may go out; Throttled where that is after ``deadline``.

        Without Redis there is no budget to keep, so the call does not go out: FleetUnavailable.
        """
        patience = max(0, int((deadline - time.monotonic()) * 1000))
        try:
            granted, wait, silence = self._acquire(keys=[_key(scope)], args=[quota.rate, quota.burst, patience])
            if not granted:
                raise Throttled(f"the quota of {scope} is used up for {wait / 1000:.1f} s", scope, wait / 1000)
            while wait > 0:
                time.sleep(wait / 1000)
                # Those who wait for their turn are asked to be silent too.
                now_silence = int(self._client.hget(_key(scope), "silence") or silence)
                wait, silence = now_silence - silence, now_silence
                if time.monotonic() + wait / 1000 > deadline:
                    raise Throttled(f"{scope} was asked to be silent for {wait / 1000:.1f} s more", scope, wait / 1000)
        except redis.RedisError as error:
            raise FleetUnavailable(f"the rate limit of {scope} cannot be read: {error}") from None

    def quiet(self, scope: str, seconds: float) -> None:
        """Let nobody in the fleet call before."""
        try:
            self._quiet(keys=[_key(scope)], args=[max(1, int(seconds * 1000))])
        except redis.RedisError as error:
            logger.warning("the fleet could not be told to be quiet about %s: %s", scope, error)


def _key(scope: str) -> str:
    """Providers name scopes (a region of an answer), with characters that Redis has none for."""
    return _PREFIX + scope.encode("utf-8", "backslashreplace").decode()
