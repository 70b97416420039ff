"""What the tests of the forwarder share; a module that needs a server or a client of another kind has its own."""

from collections.abc import Iterator

import pytest

from agents.destinations.openfinops.client import OpenFinOpsClient
from tests.support.scripted_http import ScriptedServer
from workers.forward import forwarder, sender


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """In the place of OpenFinOps."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[OpenFinOpsClient]:
    """Sends to it."""
    with OpenFinOpsClient(server.url, timeout=5) as client:
        yield client


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a forwarder try again soon."""
    monkeypatch.setattr(sender, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(sender, "LONGEST_WAIT", 0.1)
    monkeypatch.setattr(forwarder, "LONGEST_REST", 0.2)
