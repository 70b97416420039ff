"""`finfleet db`, as a program."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from storage.revision import head
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres


@pytest.fixture
def empty(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a database without our tables."""
    server = postgres_server.url.get_secret_value()
    url = create_database(server)
    yield url
    drop_database(server, url)


def _db(url: str, *words: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "workers.cli", "db", *words],
        env={**os.environ, "FINFLEET_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if url:
        assert url.split("@", maxsplit=1)[0].rsplit(":", 1)[1] not in done.stdout + done.stderr
    return done


def test_migrate_brings_an_empty_database_to_this_release_and_check_says_so(empty: str) -> None:
    missing = _db(empty, "check")
    assert missing.returncode == 1
    assert missing.stdout == "the database has no tables of finfleet yet: run `finfleet db migrate`\n"
    assert not json.loads(_db(empty, "check", "--json").stdout)["migrated"]

    where = empty.split("@")[1]
    for _ in range(2):  # again changes nothing
        done = _db(empty, "migrate")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{where} is at revision {head()}\n", "")

    there = _db(empty, "check", "--json")
    assert there.returncode == 0
    found = {"database": where, "revision": head(), "migrated": True, "trouble": ""}
    assert json.loads(there.stdout) == found | {"missing": [], "missing_of_the_reader": []}


def test_a_revision_that_there_is_not(empty: str) -> None:
    done = _db(empty, "migrate", "--revision", "9999")
    assert done.returncode == 69
    assert "9999" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_database_the_remedy_is_named() -> None:
    done = _db("", "check")
    assert done.returncode == 78
    assert "database.url: set it, or the environment variable FINFLEET_DATABASE_URL" in done.stderr
