"""Connections to Postgres: a pool, the same settings for each of them, and our errors instead of the driver's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic import SecretStr

from storage.errors import StorageUnavailable, translate, translated
from telemetry.errors import ConfigError
from telemetry.redact import remember

Connection = psycopg.Connection[TupleRow]
"""In autocommit mode: a statement alone commits by itself, several belong into ``with connection.transaction():``."""

# Names are always written with their schema, so nothing that somebody puts into another schema is ever taken for ours.
# A process that hangs, or whose host is gone, must not keep its locks.
_SESSION = b"""
SET timezone TO 'UTC';
SET search_path TO pg_catalog;
SET idle_in_transaction_session_timeout TO '60s';
"""
_CONNECT: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


class Database:
    """A pool of connections to one database. Safe to share between threads; open nothing before it is used.

    Close it when done, or use it as a context manager.
    """

    def __init__(self, url: SecretStr, *, application: str = "finfleet", size: int = 4, wait: float = 10.0) -> None:
        """Take a ``postgresql://user@host/name`` URL; ConfigError where it is none.

        ``application`` is the name that ``pg_stat_activity`` shows, ``size`` the most connections at once,
        ``wait`` the seconds that :meth:`connection` waits for one.
        """
        parameters = _parse(url)
        if password := parameters.get("password"):
            remember(str(password))
        self.address = _address(parameters)
        self._parameters = {**parameters, **_CONNECT, "application_name": application}
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs=self._parameters,
            configure=_configure,
            check=ConnectionPool.check_connection,
            open=False,
            # None is kept ready: a server that is down is asked again by whoever needs it, not ever more rarely.
            min_size=0,
            max_size=size,
            timeout=wait,
            reconnect_timeout=wait,
            name=application,
        )

    def __repr__(self) -> str:
        return f"Database({self.address})"

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection; StorageUnavailable where there is none in time.

        Errors of the driver inside of the block leave it as storage errors. A transaction that the block left open
        is rolled back.
        """
        with translated():
            self._pool.open()
            try:
                connection = self._pool.getconn()
            except PoolTimeout:
                raise self._diagnose() from None
            try:
                yield connection
            finally:
                self._pool.putconn(connection)

    def close(self) -> None:
        """Close the connections that are not lent, and the others when they come back."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _diagnose(self) -> StorageUnavailable:
        """Say why there is no connection, which the pool itself does not."""
        try:
            psycopg.connect(**self._parameters).close()
        except psycopg.Error as error:
            return StorageUnavailable(f"database {self.address}: {translate(error)}")
        return StorageUnavailable(f"database {self.address}: all {self._pool.max_size} connections are in use")


def _parse(url: SecretStr) -> dict[str, Any]:
    text = url.get_secret_value()
    problem = "write it as postgresql://user@host:port/name, with special characters of a password as %XX"
    if text.startswith(("postgres://", "postgresql://")):
        try:
            parameters = conninfo_to_dict(text)
        except psycopg.Error:  # its text may quote a part of the password
            parameters = {}
        # An unescaped @, : or / moves parts of the password into the other fields, which are shown.
        shown = f"{parameters.get('host', '')}{parameters.get('dbname', '')}"
        if parameters and "@" not in shown and re.fullmatch(r"[\d,]*", str(parameters.get("port", ""))):
            return parameters
    raise ConfigError("FINFLEET_DATABASE_URL", (f"the database URL cannot be read: {problem}",))


def _address(parameters: dict[str, Any]) -> str:
    """Where the database is, for a person: no user, no password."""
    host, port, name = (parameters.get(key) for key in ("host", "port", "dbname"))
    return f"{host or 'localhost'}:{port or 5432}/{name or ''}"


def _configure(connection: Connection) -> None:
    connection.execute(_SESSION)
