"""The rate limit of one process, by a real clock and short times."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agents.core.limits import LocalLimiter, Quota
from telemetry.errors import Throttled
from tests.support.waiting import until

SCOPE = "aws/default/us-east-1/ec2:Describe*"


def _far() -> float:
    return time.monotonic() + 30


def test_the_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    limiter = LocalLimiter()
    began = time.monotonic()
    for _ in range(5):
        limiter.acquire("another", Quota(0.1, 5), _far())
    assert time.monotonic() - began < 5, "the first that had to wait would wait 10 s"
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: limiter.acquire(SCOPE, Quota(20, 5), _far()), range(13)))
    assert time.monotonic() - began >= 0.39


def test_scopes_do_not_wait_for_each_other() -> None:
    limiter = LocalLimiter()
    limiter.quiet(SCOPE, 30)
    began = time.monotonic()
    limiter.acquire("aws/default/us-west-2/ec2:Describe*", Quota(1, 1), _far())
    assert time.monotonic() - began < 10


def test_a_turn_that_comes_after_the_deadline_is_refused_with_the_wait_and_takes_nothing() -> None:
    limiter = LocalLimiter()
    limiter.acquire(SCOPE, Quota(0.1, 1), _far())
    for _ in range(2):
        with pytest.raises(Throttled) as caught:
            limiter.acquire(SCOPE, Quota(0.1, 1), time.monotonic() + 1)
        assert caught.value.scope == SCOPE
        assert caught.value.retry_after == pytest.approx(10, abs=0.5)


def test_silence_holds_for_those_who_wait_already() -> None:
    limiter = LocalLimiter()
    limiter.acquire(SCOPE, Quota(10, 1), _far())
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        waiting = pool.submit(limiter.acquire, SCOPE, Quota(10, 1), _far())
        until(lambda: limiter._buckets[SCOPE].tokens < 0)
        limiter.quiet(SCOPE, 0.4)
        waiting.result(10)
        assert time.monotonic() - began >= 0.4


def test_silence_past_the_deadline_of_those_who_wait_is_told_them() -> None:
    limiter = LocalLimiter()
    limiter.acquire(SCOPE, Quota(10, 1), _far())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(limiter.acquire, SCOPE, Quota(10, 1), time.monotonic() + 1)
        until(lambda: limiter._buckets[SCOPE].tokens < 0)
        limiter.quiet(SCOPE, 60)
        with pytest.raises(Throttled, match="silent"):
            waiting.result(10)


def test_a_shorter_silence_does_not_end_a_longer_one() -> None:
    limiter = LocalLimiter()
    limiter.quiet(SCOPE, 60)
    limiter.quiet(SCOPE, 0.1)
    with pytest.raises(Throttled):
        limiter.acquire(SCOPE, Quota(100, 100), time.monotonic() + 5)
