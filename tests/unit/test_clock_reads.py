"""Whoever looks at the clock is seen: what the list of tests/support/clock_reads.py is held to."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from tests.support import clock_reads

_READS: dict[str, Callable[[], object]] = {
    "time.time": time.time,
    "time.time_ns": time.time_ns,
    "time.gmtime": time.gmtime,
    "time.localtime": time.localtime,
    "time.ctime": time.ctime,
    "time.asctime": time.asctime,
    "time.strftime": lambda: time.strftime("%H"),
    "datetime.now": lambda: datetime.now(UTC),
    "datetime.utcnow": lambda: datetime.utcnow(),  # noqa: DTZ003, PLW0108 - what others call
    "date.today": lambda: date.today(),  # noqa: DTZ011, PLW0108 - what others call
    "subprocess.Popen": lambda: subprocess.run([sys.executable, "-S", "-c", ""], check=True),
}
_SETS: dict[str, Callable[[], object]] = {
    "gmtime": lambda: time.gmtime(0),
    "strftime": lambda: time.strftime("%H", time.gmtime(0)),
    "fromtimestamp": lambda: datetime.fromtimestamp(0, UTC),
    "monotonic": time.monotonic,
}


def _noted(read: Callable[[], object]) -> set[str]:
    watch = clock_reads.watched()
    watch.reads.clear()
    read()
    noted = {what.partition(" ")[0] for what in watch.reads}
    watch.reads.clear()  # this test is no reader itself
    return noted


@pytest.mark.parametrize("name", _READS)
def test_a_look_at_the_clock_is_seen(name: str) -> None:
    assert name in _noted(_READS[name])


@pytest.mark.parametrize("name", _SETS)
def test_what_looks_at_no_clock_is_no_reader(name: str) -> None:
    assert _noted(_SETS[name]) == set()


def test_a_thread_of_the_test_is_seen_too() -> None:
    def read() -> None:
        thread = threading.Thread(target=time.time)
        thread.start()
        thread.join()

    assert _noted(read) == {"time.time"}
