"""Unit tests cannot open sockets."""

import asyncio
import socket

import pytest
import pytest_socket


def test_a_socket_is_refused() -> None:
    # Blocking also warns, and warnings are errors here.
    with pytest.raises((pytest_socket.SocketBlockedError, UserWarning), match=r"tried to use socket\.socket"):
        socket.socket()


def test_an_event_loop_still_runs() -> None:
    assert asyncio.run(asyncio.sleep(0, result="done")) == "done"
