"""What can go wrong between us and Postgres, as far as a caller would act on it.

::

    StorageError                 something that waiting does not mend: a bug
    ├── StorageUnavailable           not reachable, restarting, full, or a lock was not had in time: try again
    │   ├── StorageReadOnly              a replica, or set to read only: another server, or later
    │   └── StorageForbidden             a right is missing: until somebody grants it
    ├── StorageUnsuitable            of a kind that cannot hold our data: another database
    ├── StorageNotMigrated           a table is missing: ``finfleet db migrate``
    └── StorageRejected              the database refuses these very data; others may go through

``transient`` says whether to try again; ``about_input`` whether another input may fare better. Some errors can be
either: memory runs out because the server is busy, or because this one transaction locks too much. Then
``about_input`` is None, and only trying tells: an error that repeats on the same input while the database serves others
is the input's own, whatever its ``code``.

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
    "25P04",  # a transaction that took too long
)
_REFUSED = (
    "21000",  # the same key twice in one statement
    "22",  # a value out of range, or not of its type
    "23",  # a constraint
    "54",  # too much of something: a value for an index, a statement for the stack
)
_NOT_MIGRATED = ("42P01", "42703", "3F000")  # no such table, column, schema
_NEVER_THE_INPUT = (
    "08",
    "25006",
    "42501",
    "53300",  # too many connections
    "57P",  # shutdown, starting up, dropped
    "42P01",
    "42703",
    "3F000",
)


class StorageError(FinfleetError):
    """The database did not do what it was asked to."""

    #: Whether the same call may succeed in a minute or so.
    transient = False
    #: True: these data are at fault. False: nothing could have been done. None: it may be either.
    about_input: bool | None = None
    #: SQLSTATE, or empty where the server did not say one: the connection failed.
    code = ""


class StorageUnavailable(StorageError):
    """The database cannot be reached, or is too busy."""

    transient = True


class StorageReadOnly(StorageUnavailable):
    """The database takes no changes: a replica, in recovery, or set to read only."""

    about_input = False


class StorageForbidden(StorageUnavailable):
    """Our role lacks a right, until somebody grants it."""

    about_input = False


class StorageUnsuitable(StorageError):
    """The database is of a kind that finfleet cannot use."""

    misconfigured = True
    about_input = False


class StorageNotMigrated(StorageError):
    """The database lacks a table."""

    about_input = False


class StorageRejected(StorageError):
    """The database refuses these data: they break a type, a constraint or a limit."""

    about_input = True


_KINDS: tuple[tuple[type[StorageError], tuple[str, ...], str], ...] = (
    (StorageReadOnly, ("25006",), "it takes no changes now: a replica, or set to read only"),
    (StorageForbidden, ("42501",), "finfleet's role must own schema finfleet, or be granted that right"),
    (StorageUnavailable, _TRANSIENT, ""),
    (StorageNotMigrated, _NOT_MIGRATED, "bring the database up to date with `finfleet db migrate`"),
    (StorageRejected, _REFUSED, ""),
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn every error of the driver into one of ours, without a secret in its text and without its traceback."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from None


def translate(error: psycopg.Error) -> StorageError:
    """The error of ours that says what ``error`` says."""
    found = _translate(error, error.sqlstate or "", _text(error))
    found.code = error.sqlstate or ""
    if isinstance(found, StorageUnavailable) and (not found.code or found.code.startswith(_NEVER_THE_INPUT)):
        found.about_input = False
    return found


def _translate(error: psycopg.Error, code: str, text: str) -> StorageError:
    for kind, codes, remedy in _KINDS:
        if code.startswith(codes):
            return kind(f"{text}: {remedy}" if remedy else text)
    if isinstance(error, driver.DataError | driver.IntegrityError):
        return StorageRejected(text)
    # Without a code it did not come from the server: the connection failed or broke.
    if not code and isinstance(error, driver.OperationalError | driver.InterfaceError):
        return StorageUnavailable(text)
    return StorageError(text)


def _text(error: psycopg.Error) -> str:
    diagnosis = error.diag
    parts = [diagnosis.message_primary or str(error), diagnosis.message_detail or ""]
    return redact(" - ".join(" ".join(part.split()) for part in parts if part))
