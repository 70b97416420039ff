"""What the tests of the forwarder share, and those of FOCUS; a module that needs another kind has its own."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from agents.destinations.openfinops.client import OpenFinOpsClient
from storage.database import Database
from tests.support import focus_year
from tests.support.databases import create_database, drop_database
from tests.support.scripted_http import ScriptedServer
from workers.embedded import EmbeddedPostgres
from workers.forward import forwarder, sender


@pytest.fixture(scope="session")
def seeded_focus(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[Database]:
    """A database with the seeded year of bills; for tests that leave it as it was."""
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    with Database(SecretStr(url), size=2) as database:
        with database.connection() as connection:
            focus_year.seed(connection)
        yield database
    drop_database(server, url)


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
