"""Connections to Postgres: a pool, the same settings for each of them, and our errors instead of the driver's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic import SecretStr

from storage.clock import Clock
from storage.errors import StorageReadOnly, StorageUnavailable, translate, translated
from storage.session import Session, check_suitable, parameters_of, settle
from storage.timeouts import USUAL, Timeouts
from telemetry.errors import ConfigError
from telemetry.redact import remember

Connection = psycopg.Connection[TupleRow]
"""In autocommit mode: a statement alone commits by itself, several belong into ``with connection.transaction():``."""


class Database:
    """A pool of connections to one database. Safe to share between threads; open nothing before it is used.

    Close it when done, or use it as a context manager.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        application: str = "finfleet",
        size: int = 4,
        wait: float = 10.0,
        timeouts: Timeouts = USUAL,
    ) -> None:
        """Take a ``postgresql://user@host/name`` URL; ConfigError where it is none.

        ``application`` is the name that ``pg_stat_activity`` shows, ``size`` the most connections at once,
        ``wait`` the seconds that :meth:`connection` waits for one (twice as long where the server lets us in and the
        pool has none), ``timeouts`` what the server may take.
        """
        parameters = parse(url)
        if password := parameters.get("password"):
            remember(str(password))
        self.address = address(parameters)
        self._parameters = {**parameters_of(parameters, application), "autocommit": True}
        self._settle = partial(settle, timeouts=timeouts)
        self._was_read_only = False
        #: That of the server.
        self.clock = Clock()
        self._pool: ConnectionPool[Session] = ConnectionPool(
            connection_class=Session,
            kwargs=self._parameters,
            configure=self._settle,
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
        """Lend a connection; StorageUnavailable where there is none in time, StorageUnsuitable where it is of no use.

        Errors of the driver inside of the block leave it as storage errors. A transaction that the block left open
        is rolled back. A connection to a server that takes no changes is not lent again: another one may be the
        primary by now.
        """
        with translated():
            self._pool.open()
            connection = self._lend_or_say_why()
            try:
                check_suitable(connection, self.address)
                yield connection
            except (psycopg.errors.ReadOnlySqlTransaction, StorageReadOnly):
                self._was_read_only = True
                connection.close()
                raise
            finally:
                self._pool.putconn(connection)

    def _lend_or_say_why(self) -> Session:
        try:
            return self._lend()
        except PoolTimeout:
            self._ask_the_server()
        # The server is well again, which the pool may not have seen: it waits longer after each refusal, and does not
        # ask anew for those who wait already.
        try:
            return self._lend()
        except PoolTimeout:
            in_use = f"database {self.address}: all {self._pool.max_size} connections are in use"
            raise StorageUnavailable(in_use) from None

    def _lend(self) -> Session:
        connection = self._pool.getconn()
        if not self._was_read_only:
            return connection
        try:
            row = connection.execute("SHOW transaction_read_only").fetchone()
        except psycopg.Error:
            self._pool.putconn(connection)
            raise
        if row == ("on",):
            # Made while it still was: one that is made now may reach the primary.
            connection.close()
            self._pool.putconn(connection)
            return self._pool.getconn()
        self._was_read_only = False
        return connection

    def close(self) -> None:
        """Close the connections that are not lent, and the others when they come back."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask_the_server(self) -> None:
        """StorageUnavailable with what the server says where it lets nobody in, which the pool does not tell."""
        try:
            with closing(Session.connect(**self._parameters)) as session:
                self._settle(session)
        except psycopg.Error as error:
            raise StorageUnavailable(f"database {self.address}: {translate(error)}") from None


@contextmanager
def connected(url: SecretStr, *, application: str, timeouts: Timeouts) -> Iterator[Connection]:
    """One connection and no pool, for who asks once: errors as of :meth:`Database.connection`."""
    parameters = parse(url)
    where = address(parameters)
    try:
        session = Session.connect(**parameters_of(parameters, application), autocommit=True)
    except psycopg.Error as error:
        raise StorageUnavailable(f"database {where}: {translate(error)}") from None
    with translated(), closing(session):
        settle(session, timeouts)
        check_suitable(session, where)
        yield session


def parse(url: SecretStr) -> dict[str, Any]:
    """The parts of a database URL, for libpq; ConfigError repeats nothing of one that cannot be read."""
    text = url.get_secret_value()
    problem = "write it as postgresql://user@host:port/name, with special characters of a password as %XX"
    if text.startswith(("postgres://", "postgresql://")) and text.isprintable():
        try:
            parameters = conninfo_to_dict(text)
        except (psycopg.Error, UnicodeError):  # its text may quote a part of the password
            parameters = {}
        # An unescaped @, : or / moves parts of the password into the other fields, which are shown.
        shown = f"{parameters.get('host', '')}{parameters.get('dbname', '')}"
        if parameters and "@" not in shown and re.fullmatch(r"[\d,]*", str(parameters.get("port", ""))):
            return parameters
    raise ConfigError("FINFLEET_DATABASE_URL", (f"the database URL cannot be read: {problem}",))


def address(parameters: dict[str, Any]) -> str:
    """Where the database is, for a person: no user, no password."""
    host, port, name = (parameters.get(key) for key in ("host", "port", "dbname"))
    return f"{host or 'localhost'}:{port or 5432}/{name or ''}"
