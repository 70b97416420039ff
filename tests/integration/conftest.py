"""Databases with our tables: migrated once for each test process, then cloned for each test."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from storage.database import Database
from storage.migrate import migrate
from tests.support.databases import create_database
from workers.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a migrated database, which `database_url` clones."""
    name = "template_finfleet"
    migrate(SecretStr(create_database(postgres_server.url.get_secret_value(), name=name)))
    return name


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of the test's own."""
    with Database(SecretStr(database_url), size=8) as database:
        yield database
