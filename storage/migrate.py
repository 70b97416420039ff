"""Bringing a database to the schema of this release; storage.revision says whether it is there."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import sqlalchemy.exc
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg import Error as DriverError
from pydantic import SecretStr

from storage import views
from storage.database import Database
from storage.errors import StorageError, translate
from storage.views import functions

_LOCK_WAIT = 10.0
"""Seconds."""


def migrate(url: SecretStr, revision: str = "head", *, lock_wait: float = _LOCK_WAIT) -> None:
    """Upgrade the database to ``revision``; to the head, bring its views to their files too.

    Safe to run again, and by several at once: they wait for each other.

    Raises StorageUnavailable where it cannot be reached, takes no changes, or a table stays in use for ``lock_wait``
    seconds; StorageError where it refuses, or is of a later release.
    """
    _run(command.upgrade, url, revision, lock_wait)


def downgrade(url: SecretStr, revision: str, *, lock_wait: float = _LOCK_WAIT) -> None:
    """Take the database back to ``revision``, or to ``base``: with their tables goes what they hold."""
    _run(command.downgrade, url, revision, lock_wait)


def check_drift(url: SecretStr) -> None:
    """Raise StorageError where the database differs from the model, storage.tables, or from the files of the views."""
    _run(lambda config, _: command.check(config), url, "head")
    with Database(url) as database, database.connection() as held, held.transaction(force_rollback=True):
        differing = views.refresh(held, views.load()), functions.refresh(held, functions.load())
    for kind, names in zip(("views", "functions"), differing, strict=True):
        if names:
            raise StorageError(f"{kind} differ from their files, storage/views: {', '.join(names)}")


def _config() -> Config:
    """Alembic's configuration; found from the installed package, so from a wheel and in any working directory."""
    config = Config()
    # Alembic takes it for a ConfigParser value, where % has a meaning.
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return config


def _run(action: Callable[[Config, str], object], url: SecretStr, revision: str, lock_wait: float = _LOCK_WAIT) -> None:
    config = _config()
    config.attributes["database_url"] = url
    config.attributes["lock_wait"] = lock_wait
    try:
        action(config, revision)
    except DriverError as error:
        raise _explained(error) from None
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, DriverError):
            raise _explained(error.orig) from None
        raise
    except CommandError as error:
        raise StorageError(f"migration to {revision}: {error}") from None


def _explained(error: DriverError) -> StorageError:
    found = translate(error)
    if found.code == "55P03":
        found.args = (f"{found}: somebody reads or changes a table without an end (pg_stat_activity); run it again",)
    return found
