"""What can go wrong between us and Postgres, as far as a caller would act on it.

::

    StorageError                 something that waiting does not mend: a bug, or a right that is missing
    ├── StorageUnavailable           not reachable, restarting, full, or a lock was not had in time: try again
    ├── StorageNotMigrated           a table is missing: ``finfleet db migrate``
    └── StorageRejected              the database refuses these very data; others may go through

Only :func:`translated` knows the driver's own errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as driver

from telemetry.errors import FinfleetError
from telemetry.redact import redact

_TRANSIENT = (
    "08",  # connection
    "40",  # serialization failure, deadlock
    "53",  # out of disk, memory or connections
    "55P03",  # lock_timeout
    "57",  # shutdown, statement_timeout, cancelled
    "58",  # input or output failed
    "25P03",  # idle in a transaction for too long
)
_REFUSED = (
    "21000",  # the same key twice in one statement
    "22",  # a value out of range, or not of its type
    "23",  # a constraint
    "54000",  # a value too long for an index
)
_NOT_MIGRATED = ("42P01", "42703", "3F000")  # no such table, column, schema


class StorageError(FinfleetError):
    """The database did not do what it was asked to."""

    #: Whether the same call may succeed in a minute or so.
    transient = False


class StorageUnavailable(StorageError):
    """The database cannot be reached, or is too busy."""

    transient = True


class StorageNotMigrated(StorageError):
    """The database lacks a table."""


class StorageRejected(StorageError):
    """The database refuses these data: they break a type or a constraint."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn every error of the driver into one of ours, without a secret in its text and without its traceback."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from None


def translate(error: psycopg.Error) -> StorageError:
    """The error of ours that says what ``error`` says."""
    code = error.sqlstate or ""
    text = _text(error)
    if code.startswith(_TRANSIENT):
        return StorageUnavailable(text)
    if code.startswith(_NOT_MIGRATED):
        return StorageNotMigrated(f"{text}: bring the database up to date with `finfleet db migrate`")
    if code.startswith(_REFUSED) or isinstance(error, driver.DataError | driver.IntegrityError):
        return StorageRejected(text)
    # Without a code it did not come from the server: the connection failed or broke.
    if not code and isinstance(error, driver.OperationalError | driver.InterfaceError):
        return StorageUnavailable(text)
    return StorageError(text)


def _text(error: psycopg.Error) -> str:
    diagnosis = error.diag
    parts = [diagnosis.message_primary or str(error), diagnosis.message_detail or ""]
    return redact(" - ".join(" ".join(part.split()) for part in parts if part))
