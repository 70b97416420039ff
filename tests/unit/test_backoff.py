"""The waits before something is tried again."""

import pytest

from telemetry.backoff import ceiling, equal_jitter, full_jitter


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (10_000_000, 60.0)]
)
def test_a_wait_doubles_up_to_the_longest(failures: int, seconds: float) -> None:
    assert ceiling(failures, 0.5, 60.0) == seconds


def test_full_jitter_is_anything_up_to_the_ceiling() -> None:
    waits = [full_jitter(3, 1.0, 60.0) for _ in range(1000)]
    assert 0.0 <= min(waits) < 1.0
    assert 3.0 < max(waits) <= 4.0


def test_equal_jitter_is_half_the_ceiling_at_the_least() -> None:
    waits = [equal_jitter(3, 1.0, 60.0) for _ in range(1000)]
    assert 2.0 <= min(waits) < 2.5
    assert 3.5 < max(waits) <= 4.0
