"""The circuit: opens after failures in a row, lets one request try, closes."""

import pytest

from telemetry.backoff import full_jitter
from workers.forward.breaker import Admission, CircuitBreaker


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def breaker(clock: _Clock) -> CircuitBreaker:
    return CircuitBreaker("it", threshold=3, first_wait=2.0, longest_wait=60.0, clock=clock)


def _open(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        breaker.failed("down")


def test_it_opens_at_the_threshold_only(breaker: CircuitBreaker) -> None:
    for _ in range(2):
        breaker.failed("down")
        assert breaker.admit() is Admission.ALLOWED
    breaker.failed("down")
    assert not breaker.closed


def test_a_success_starts_the_count_again(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        breaker.failed("down")
        breaker.failed("down")
        assert breaker.succeeded() is False
    assert breaker.closed


def test_half_open_admits_one_probe(breaker: CircuitBreaker, clock: _Clock) -> None:
    _open(breaker)
    clock.now += 2.0  # the longest that the first wait can be
    assert [breaker.admit() for _ in range(3)] == [Admission.PROBE, Admission.REFUSED, Admission.REFUSED]


def test_a_probe_that_succeeds_closes(breaker: CircuitBreaker, clock: _Clock) -> None:
    _open(breaker)
    clock.now += 2.0
    breaker.admit()
    assert breaker.succeeded() is True
    assert [breaker.admit() for _ in range(3)] == [Admission.ALLOWED] * 3


def test_a_probe_that_fails_opens_again(breaker: CircuitBreaker, clock: _Clock) -> None:
    _open(breaker)
    for _ in range(8):
        clock.now += 60.0
        assert breaker.admit() is Admission.PROBE
        breaker.failed("still down")
        assert not breaker.closed
        assert breaker.admit() is not Admission.ALLOWED


def test_an_abandoned_probe_leaves_the_next_one(breaker: CircuitBreaker, clock: _Clock) -> None:
    _open(breaker)
    clock.now += 2.0
    breaker.admit()
    breaker.abandoned()
    assert breaker.admit() is Admission.PROBE


def test_late_failures_do_not_prolong_an_open_circuit(breaker: CircuitBreaker, clock: _Clock) -> None:
    _open(breaker)
    for _ in range(50):
        breaker.failed("was under way")
    clock.now += 2.0
    assert breaker.admit() is Admission.PROBE


def test_a_wait_that_was_asked_for_is_kept(breaker: CircuitBreaker, clock: _Clock) -> None:
    breaker.asked_to_wait(30.0, "429")
    clock.now += 29.9
    assert breaker.admit() is Admission.REFUSED
    clock.now += 0.2
    assert breaker.admit() is Admission.PROBE
    assert breaker.succeeded() is False  # nothing had failed: it may be the same server as before
    assert breaker.closed


def test_a_shorter_wait_does_not_cut_a_longer_one(breaker: CircuitBreaker, clock: _Clock) -> None:
    breaker.asked_to_wait(30.0, "429")
    breaker.asked_to_wait(1.0, "429")
    clock.now += 29.0
    assert breaker.admit() is Admission.REFUSED


def test_a_failure_right_after_a_success_is_told(breaker: CircuitBreaker) -> None:
    assert breaker.failed("at the start") is False
    breaker.succeeded()
    assert breaker.failed("alone") is True
    assert breaker.failed("again") is False


def test_jitter_is_full_and_bounded() -> None:
    for failures, ceiling in ((1, 2.0), (2, 4.0), (3, 8.0), (10, 60.0), (10_000, 60.0)):
        waits = [full_jitter(failures, 2.0, 60.0) for _ in range(2000)]
        assert 0.0 <= min(waits) < ceiling * 0.1
        assert ceiling * 0.9 < max(waits) <= ceiling
