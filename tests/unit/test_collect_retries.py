"""When the collect task tries again by itself, and when it leaves that to the ledger."""

import pytest

from tasks.collect import MAX_COUNTDOWN, MAX_RETRIES, _countdown
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable


@pytest.mark.parametrize("error", [None, Denied("no", "ec2:DescribeInstances"), CollectionFailed("a bug")])
def test_what_waiting_does_not_mend_is_not_tried_again(error: CollectionError | None) -> None:
    assert _countdown(error, 0) is None


@pytest.mark.parametrize("retries", range(MAX_RETRIES))
def test_a_short_fault_is_tried_again_after_a_jittered_pause(retries: int) -> None:
    waits = {_countdown(Unavailable("503"), retries) for _ in range(50)}
    assert len(waits) > 1
    assert all(wait is not None and 0 <= wait <= 4 * 2**retries for wait in waits)


def test_after_the_last_retry_the_ledger_takes_over() -> None:
    assert _countdown(Unavailable("503"), MAX_RETRIES) is None


def test_retry_after_is_honoured_and_spread() -> None:
    waits = [_countdown(Throttled("slow", "scope", 10), 0) for _ in range(50)]
    assert all(wait is not None and 10 <= wait <= 12.5 for wait in waits)


def test_a_long_wait_is_the_ledgers() -> None:
    # Redis would deliver a task with a longer countdown twice.
    assert _countdown(Throttled("slow", "scope", MAX_COUNTDOWN + 1), 0) is None
