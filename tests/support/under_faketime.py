"""Loaded into a pytest that runs under faketime: it imports and collects once, and runs tests at each of many moments.

Each moment is a process forked from the one that has collected: whatever a test leaves behind ends with its moment.
"""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import SupportsIndex

import pytest

from tests.support.clock_reads import READERS, looked, named
from tests.support.clocks import MOMENTS_VARIABLE


def _sleep(seconds: float | SupportsIndex, /) -> None:
    threading.Event().wait(float(seconds))


# libfaketime 0.9.10 refuses the waits that `time.sleep` asks for.
time.sleep = _sleep

_at_the_first = os.memfd_create("looked")
"""The tests that looked at the clock at the first moment, which tries all: the others are tried at no second one."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Fork for each moment; a fork goes on as pytest does, and this process tells how each has ended."""
    failed = []
    for moment in os.environ.pop(MOMENTS_VARIABLE).split(","):
        fork = os.fork()
        if fork == 0:
            _set_clock(datetime.fromisoformat(moment).replace(tzinfo=UTC))
            return None
        _, status = os.waitpid(fork, 0)
        print(f"\nat {moment}: {os.waitstatus_to_exitcode(status)}", flush=True)  # noqa: T201 - a report is what it is for
        if status:
            failed.append(moment)
        readers = set(os.pread(_at_the_first, os.fstat(_at_the_first).st_size, 0).decode().splitlines())
        session.items = [item for item in session.items if item.nodeid in readers]
        session.testscollected = len(session.items)
    os._exit(1 if failed else 0)  # what pytest would sum up, the forks have


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Keep which tests have looked at the clock, and tell which of those that are named have not."""
    if not os.fstat(_at_the_first).st_size:
        os.write(_at_the_first, "\n".join(looked).encode())
    for entry in sorted(set(READERS) - named):
        print(f"\nno reader: {entry}", flush=True)  # noqa: T201 - as above


def _set_clock(moment: datetime) -> None:
    """Let it be this moment, for this process and for those that it starts."""
    # FAKETIME_NO_CACHE lets the library look at its variable at each question.
    shift = moment - datetime.now(UTC)
    os.environ["FAKETIME"] = f"{shift.total_seconds():+.3f}"
    late = datetime.now(UTC) - moment
    assert abs(late) < timedelta(seconds=1), f"the clock is {late} beside {moment}"
