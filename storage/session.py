"""One connection to Postgres, and what each of ours is set to, whatever the server, the database or the role has set.

A pooler between us and the server (PgBouncer in transaction mode) lends another connection to each transaction. There a
setting of the session would stay with a connection that is somebody else's next, and a prepared statement would be
missed. So over a pooler each statement is in a transaction, and each transaction begins with the settings, which end
with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Self

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from storage.errors import StorageUnsuitable
from storage.timeouts import Timeouts

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # Names are always written with their schema, so nothing that somebody puts into another one is taken for ours.
        "search_path": "pg_catalog",
        "TimeZone": "UTC",
        "DateStyle": "ISO, MDY",
        "IntervalStyle": "postgres",
        "standard_conforming_strings": "on",
        "array_nulls": "on",
        "transform_null_equals": "off",
        "quote_all_identifiers": "off",
        # Every digit of a number, as the server's own default is.
        "extra_float_digits": "1",
        # What a migration has to say is a notice.
        "client_min_messages": "notice",
        "default_transaction_isolation": "read committed",
    }
)
_CONNECT: Mapping[str, Any] = MappingProxyType(
    {
        "client_encoding": "UTF8",
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
)
_ENCODING = "UTF8"
_MILLISECOND = timedelta(milliseconds=1)


class _Cursor(psycopg.Cursor[Any]):
    """Runs nothing outside of a transaction that has the settings."""

    def execute(self, *args: Any, **kwargs: Any) -> Self:
        with self._settled():
            return super().execute(*args, **kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> None:
        with self._settled():
            super().executemany(*args, **kwargs)

    @contextmanager
    def copy(self, *args: Any, **kwargs: Any) -> Iterator[psycopg.Copy]:
        with self._settled(), super().copy(*args, **kwargs) as copy:
            yield copy

    def _settled(self) -> Any:
        connection = self.connection
        if not isinstance(connection, Session) or not connection.each_transaction or not connection.is_idle:
            return nullcontext()
        if connection.autocommit:
            return connection.transaction()
        super().execute(connection.each_transaction)  # which begins the transaction
        return nullcontext()


class Session(psycopg.Connection[TupleRow]):
    """A connection whose settings are ours. Made by :func:`settle`, or by a pool with it."""

    #: The statement that each transaction begins with; empty where the settings are the connection's.
    each_transaction: bytes = b""
    #: Why this database cannot be used; empty where it can.
    refusal: str = ""
    _factory: ClassVar[type[psycopg.Cursor[Any]]] = _Cursor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As psycopg's."""
        super().__init__(*args, **kwargs)
        self.cursor_factory = self._factory

    @property
    def is_idle(self) -> bool:
        """Whether it is in no transaction."""
        return self.pgconn.transaction_status == TransactionStatus.IDLE

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """As psycopg's; one that is not within another has the settings."""
        begins = self.is_idle
        with super().transaction(savepoint_name, force_rollback) as transaction:
            if begins and self.each_transaction:
                self.execute(self.each_transaction)
            yield transaction


def parameters_of(parameters: Mapping[str, Any], application: str) -> dict[str, Any]:
    """What to connect with."""
    return {**parameters, **_CONNECT, "application_name": application}


def settle(session: Session, timeouts: Timeouts, *, each_transaction: bool = False) -> None:
    """Set a new connection; with ``each_transaction``, or over a pooler, at the beginning of each transaction."""
    encoding = session.info.parameter_status("server_encoding")
    if encoding != _ENCODING:
        session.refusal = (
            f"its encoding is {encoding}, which has no place for the names and tags of clouds:"
            f" make one with CREATE DATABASE ... ENCODING '{_ENCODING}' TEMPLATE template0"
        )
    # Not the server's default, which may change under a connection that a pooler keeps.
    session.isolation_level = IsolationLevel.READ_COMMITTED
    if each_transaction or _is_pooled(session):
        session.prepare_threshold = None
        session.each_transaction = _statement(session, timeouts, local=True)
        with session.transaction():
            """Whoever lends a connection to each statement refuses it here, in words."""
    else:
        session.execute(_statement(session, timeouts, local=False))


def check_suitable(session: Session, where: str) -> None:
    """Raise StorageUnsuitable where this database cannot be used."""
    if session.refusal:
        raise StorageUnsuitable(f"database {where}: {session.refusal}")


def _is_pooled(session: Session) -> bool:
    """Whether somebody between us and the server lends connections of its own: then they are of another process."""
    row = session.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return row != (session.info.backend_pid,)


def _statement(session: Session, timeouts: Timeouts, *, local: bool) -> bytes:
    limits = {
        "statement_timeout": timeouts.statement,
        "lock_timeout": timeouts.lock,
        "idle_in_transaction_session_timeout": timeouts.idle,
    }
    values = {**SETTINGS, **{name: f"{value // _MILLISECOND}ms" for name, value in limits.items()}}
    parts = [
        sql.SQL("pg_catalog.set_config({}, {}, {})").format(name, value, sql.Literal(local))
        for name, value in values.items()
    ]
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(parts)).as_bytes(session)
