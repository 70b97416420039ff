"""Unit tests open no sockets, and no thread outlives its test."""

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import pytest_socket

from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    # Unix sockets stay: every asyncio loop is built on a pair of them.
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """What runs on disturbs the next tests, once in a hundred runs of a busy machine."""
    before = set(threading.enumerate())

    def left() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread not in before]

    yield
    with suppress(AssertionError):
        until(lambda: not left(), 5)
    assert left() == [], "the test has to end them"
