"""A port that somebody else has: a local cloud says so, and leaves nothing behind."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.aws import LocalAws
from emulators.azure import LocalAzure
from emulators.gcp import LocalGcp
from tests.support.clocks import STRICT

Make = Callable[[int], Any]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    "make",
    [LocalAws, LocalAzure, lambda port: LocalGcp(http_port=port), lambda port: LocalGcp(grpc_port=port)],
    ids=["aws", "azure", "gcp over HTTP", "gcp over gRPC"],
)
def test_a_taken_port_is_an_error_and_nothing_is_left_behind(make: Make, taken: int) -> None:
    before = {thread.name for thread in threading.enumerate()}
    cloud = make(taken)
    with pytest.raises(OSError, match=f"127.0.0.1:{taken}"):
        cloud.start()
    assert {thread.name for thread in threading.enumerate()} <= before
    with pytest.raises(RuntimeError, match="not started"):
        _ = cloud.endpoints if isinstance(cloud, LocalGcp) else cloud.url
    cloud.stop()


def test_a_program_says_it_in_a_line(taken: int) -> None:
    command = [sys.executable, *STRICT, "-m", "emulators.aws", "--port", str(taken)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: 127.0.0.1:{taken} cannot be listened on: Address already in use\n"
