"""Servers of the benchmark's own, with the settings that a user gets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import conninfo
from pydantic import SecretStr

from storage.migrate import migrate
from workers.embedded import EmbeddedPostgres, EmbeddedValkey


@dataclass(frozen=True)
class Servers:
    """What the contenders run against."""

    database: SecretStr
    broker: SecretStr
    #: A directory that the database server can read.
    exchange: Path


@contextmanager
def running() -> Iterator[Servers]:
    """A migrated Postgres that may read our files, and a Valkey."""
    with tempfile.TemporaryDirectory(prefix="finfleet-") as name:
        folder = Path(name).resolve()
        exchange = folder / "exchange"
        exchange.mkdir()
        if os.geteuid() == 0:  # the server runs as another user then
            folder.chmod(0o711)
        exchange.chmod(0o755)
        state = folder / "state"
        with EmbeddedPostgres(state) as postgres, EmbeddedValkey(state) as valkey:
            migrate(postgres.url)
            _grant(postgres.url, state)
            yield Servers(postgres.url, valkey.url, exchange)


def _grant(url: SecretStr, state: Path) -> None:
    """COPY FROM a file of the server is what the others are measured by; and all start after a checkpoint."""
    password = (state / "postgres" / "postgres.password").read_text(encoding="utf-8").strip()
    superuser = conninfo.make_conninfo(url.get_secret_value(), user="postgres", password=password)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("GRANT pg_read_server_files, pg_checkpoint TO finfleet")
