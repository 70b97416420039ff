"""One budget per quota scope, whoever calls; a Retry-After quiets everybody."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.core.limits import Quota
from tasks.limits import RedisLimiter
from tasks.price_cache import RedisPriceCache
from telemetry.errors import Throttled, Unavailable
from tests.support.waiting import patient, until

SCOPE = "aws/123456789012/us-east-1/ec2:Describe*"


def _limiters(url: str, count: int) -> list[RedisLimiter]:
    """As many as there are workers, with a connection each."""
    return [RedisLimiter(redis.Redis.from_url(url)) for _ in range(count)]


def _away() -> redis.Redis:
    """A Redis that is not there, asked once."""
    return redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))


@pytest.mark.parametrize("workers", [1, 8])
def test_the_budget_is_one_for_all_workers(redis_url: str, workers: int) -> None:
    quota = Quota(rate=40, burst=10)
    deadline = time.monotonic() + 30
    begun = time.monotonic()
    moments: list[float] = []
    lock = threading.Lock()

    def call(limiter: RedisLimiter) -> None:
        limiter.acquire(SCOPE, quota, deadline)
        with lock:
            moments.append(time.monotonic() - begun)

    limiters = _limiters(redis_url, workers)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(call, (limiters[number % workers] for number in range(50))))
    # In any stretch of time no more calls than the burst and what flowed in since.
    moments.sort()
    for index, moment in enumerate(moments):
        for later in range(index, len(moments)):
            assert later - index + 1 <= quota.burst + quota.rate * (moments[later] - moment + 0.05) + 1
    assert moments[-1] >= (50 - quota.burst) / quota.rate * 0.9


def test_a_silence_holds_for_every_worker(redis_url: str) -> None:
    first, second = _limiters(redis_url, 2)
    quota = Quota(rate=1000, burst=100)
    first.acquire(SCOPE, quota, time.monotonic() + 1)
    first.quiet(SCOPE, 0.4)
    first.quiet(SCOPE, 0.1)  # a shorter one does not end a longer one
    begun = time.monotonic()
    second.acquire(SCOPE, quota, time.monotonic() + 5)
    assert time.monotonic() - begun >= 0.35
    # Another scope is not concerned.
    begun = time.monotonic()
    first.quiet(SCOPE, 30)
    second.acquire("aws/123456789012/eu-west-1/ec2:Describe*", quota, time.monotonic() + 5)
    assert time.monotonic() - begun < patient(1)


def test_who_cannot_come_in_time_takes_nothing(redis_url: str) -> None:
    (limiter,) = _limiters(redis_url, 1)
    limiter.quiet(SCOPE, 60)
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            limiter.acquire(SCOPE, Quota(rate=10, burst=1), time.monotonic() + 0.5)
        assert caught.value.retry_after == pytest.approx(60, abs=2)
        assert caught.value.scope == SCOPE


def test_without_redis_no_call_goes_out() -> None:
    limiter = RedisLimiter(_away())
    with pytest.raises(Unavailable):
        limiter.acquire(SCOPE, Quota(rate=10, burst=1), time.monotonic() + 0.5)
    limiter.quiet(SCOPE, 1)


def test_a_price_is_looked_up_once_by_the_fleet(redis_url: str) -> None:
    one, two = (RedisPriceCache(redis.Redis.from_url(redis_url)) for _ in range(2))
    assert one.get("aws/m5.large") is None
    one.put("aws/m5.large", '{"amount": "0.096"}', timedelta(minutes=5))
    assert two.get("aws/m5.large") == '{"amount": "0.096"}'
    away = RedisPriceCache(_away())
    assert away.get("x") is None
    away.put("x", "y", timedelta(minutes=1))
    assert away.get("x") == "y"


def test_who_waits_for_the_end_of_a_silence_comes_one_by_one(redis_url: str) -> None:
    quota = Quota(rate=10, burst=1)
    limiters = _limiters(redis_url, 8)
    limiters[0].acquire(SCOPE, quota, time.monotonic() + 1)
    begun = time.monotonic()
    limiters[0].quiet(SCOPE, 1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda limiter: limiter.acquire(SCOPE, quota, time.monotonic() + 30), limiters))
    assert time.monotonic() - begun >= 1 + 7 / quota.rate, "the last of eight that may not come at once"


def test_a_silence_holds_for_those_who_wait_already(redis_url: str) -> None:
    quota = Quota(rate=0.5, burst=1)
    first, second = _limiters(redis_url, 2)
    begun = time.monotonic()
    first.acquire(SCOPE, quota, time.monotonic() + 1)
    client = redis.Redis.from_url(redis_url)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second.acquire, SCOPE, quota, time.monotonic() + 30)
        until(lambda: client.hget(f"finfleet:quota:{SCOPE}", "tokens") not in {b"0", b"0.0"})
        first.quiet(SCOPE, 0.5)
        waiting.result()
    assert time.monotonic() - begun >= 1 / quota.rate + 0.45


def test_a_scope_may_have_any_name(redis_url: str) -> None:
    """A region of an answer goes into it, whatever that is."""
    limiter, scope = _limiters(redis_url, 1)[0], "azure/default/\ud800/metrics"
    limiter.acquire(scope, Quota(rate=1, burst=1), time.monotonic() + 5)
    limiter.quiet(scope, 60)
    with pytest.raises(Throttled):
        limiter.acquire(scope, Quota(rate=1, burst=1), time.monotonic() + 1)
