"""Collection in the background: what one collector raises harms no other, and not the thread."""

import threading

import pytest

from agents.standalone.background import Background
from telemetry.errors import CollectionFailed


@pytest.mark.parametrize("fault", [KeyError("x"), RecursionError(), CollectionFailed("x"), MemoryError()])
def test_a_collector_that_raises_harms_no_other(fault: Exception) -> None:
    rounds: list[int] = []
    done = threading.Event()

    def fail() -> list[dict[str, object]]:
        raise fault

    def work() -> list[dict[str, object]]:
        rounds.append(1)
        if len(rounds) == 3:
            done.set()
        return [{}]

    background = Background("test", {"bad": fail, "good": work})
    background.start(0.01)
    try:
        assert done.wait(10), "it still collects"
        assert background.latest == {"good": [{}]}
    finally:
        background.stop()
