"""The sign of life of a process with several forwarders."""

import pytest

from workers.forward.side_by_side import Beats


def test_the_process_is_as_alive_as_the_quietest_of_its_forwarders(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("workers.forward.side_by_side.time.monotonic", lambda: now)
    given: list[float] = []
    beats = Beats(("a", "b"), lambda: given.append(now))
    a, b = beats.of("a"), beats.of("b")
    a()
    assert given == [1000.0]
    now = 1119.0
    a()
    assert given == [1000.0, 1119.0]
    now = 1121.0
    a()
    assert given == [1000.0, 1119.0]  # b has been silent for too long
    b()
    a()
    assert given[2:] == [1121.0, 1121.0]
