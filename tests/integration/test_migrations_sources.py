"""Migration 0006 finds out of which source a resource was pushed, as far as what was kept tells it."""

from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from storage.migrate import migrate
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres

_TARGET = """
INSERT INTO finfleet.targets (provider, account, region, service, queue, enabled, interval_seconds, delay_seconds,
                              enabled_since, planned_until)
VALUES (%s, %s, %s, %s, '', %s, 300, 0, '2026-11-24', '2026-11-24')
"""
_TARGETS = (
    ("aws", "training", "us-east-1", "ec2", True),
    ("generic", "default", "global", "host", True),
    ("generic", "training", "global", "prometheus", True),  # polled, and called as the source is
    ("generic", "training", "global", "push", True),
    ("generic", "training", "global", "push_costs", True),
    ("generic", "billing", "global", "push", True),
    ("generic", "former", "global", "push", False),
    ("acme", "shop", "global", "push", True),  # a service of another distribution, which collects
)
_RESOURCE = """
INSERT INTO finfleet.resources (provider, account, region, service, provider_id, first_seen, last_seen)
VALUES (%s, %s, %s, %s, 'gpu-1', '2026-11-24', '2026-11-24')
"""
_SOURCES = {
    # Collected: of a cloud, of an endpoint, of an account that is called as a source is.
    ("aws", "training", "us-east-1", "ec2"): "",
    ("generic", "default", "global", "host"): "",
    ("generic", "training", "global", "prometheus"): "",
    # Of an account that nothing is pushed for: its target may be gone from the ledger.
    ("generic", "default", "global", "prometheus"): "",
    ("generic", "shop", "global", "prometheus"): "",
    # Pushed under the name of what is collected there, in whatever region: nobody can tell any more.
    ("generic", "training", "eu", "prometheus"): "",
    # A source's own, by the names that it has where it says none.
    ("generic", "training", "global", "training"): "training",
    ("generic", "billing", "global", "billing"): "billing",
    ("generic", "former", "global", "former"): "former",  # which is no more in the configuration
    # Pushed under a name of its own, which a cloud may have as well, or another account a collected service of.
    ("generic", "training", "us-east-1", "ec2"): "training",
    ("generic", "training", "global", "host"): "training",
    ("generic", "billing", "global", "prometheus"): "billing",
    # Pushed under the names of the services that pushing is: those are targets, but nothing is collected of them.
    ("generic", "training", "global", "push"): "training",
    ("generic", "training", "global", "push_costs"): "training",
    # Pushed for an account that no source is called by.
    ("generic", "laboratory", "global", "training"): "",
    ("generic", "123456789012", "us-east-1", "push"): "",
}


@pytest.fixture
def url(postgres_server: EmbeddedPostgres) -> Iterator[SecretStr]:
    server = postgres_server.url.get_secret_value()
    url = create_database(server)
    yield SecretStr(url)
    drop_database(server, url)


def test_each_resource_gets_the_source_that_what_was_kept_tells(url: SecretStr) -> None:
    migrate(url, "0005")
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(_TARGET, _TARGETS)
        cursor.executemany(_RESOURCE, list(_SOURCES))
        migrate(url, "0006")
        rows = cursor.execute("SELECT provider, account, region, service, source FROM finfleet.resources").fetchall()
        assert {row[:4]: row[4] for row in rows} == _SOURCES
        shown = "SELECT provider, account, region, service, source FROM reporting.resources"
        assert sorted(cursor.execute(shown).fetchall()) == sorted(rows)
