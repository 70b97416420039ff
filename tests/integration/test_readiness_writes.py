"""Readiness asks the database for writing: a replica, or one that is set to read only, is not ready."""

import psycopg
import pytest

from workers.health import readiness


@pytest.fixture(autouse=True)
def _servers(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINFLEET_DATABASE_URL", database_url)
    monkeypatch.setenv("FINFLEET_BROKER_URL", redis_url)


@pytest.mark.parametrize("role", ["plan", "ingest", "forward"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("ALTER DATABASE {} SET default_transaction_read_only TO on", "takes no changes now"),
        ("REVOKE INSERT ON finfleet.suspects FROM CURRENT_USER", "permission denied for table suspects"),
    ],
)
def test_a_database_that_takes_nothing_is_not_ready(database_url: str, role: str, change: str, says: str) -> None:
    assert readiness.look(role)[0] == ""
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(change.format(owner.info.dbname).encode())
    assert says in readiness.look(role)[0]
