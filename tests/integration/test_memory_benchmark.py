"""The benchmark of memory tells the size of a process."""

from benchmarks.memory import Measured


def test_a_bare_sdk_is_measured() -> None:
    with Measured("bare", "aws", {}) as process:
        size = process.size()
    assert size.rss > 10_000_000
    assert size.modules > 100
    assert size.threads == 1
