"""Bringing a database to the schema of this release, and finding out whether it is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files

import sqlalchemy.exc
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import Error as DriverError
from pydantic import SecretStr

from storage import views
from storage.database import Connection, Database
from storage.errors import StorageError, StorageNotMigrated, translate
from storage.sql import load

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
        differing = views.refresh(held, views.load())
    if differing:
        raise StorageError(f"views differ from their files, storage/views: {', '.join(differing)}")


@cache
def head() -> str:
    """The revision of this release."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package migrations is empty: install finfleet again")
    return revision


def check_migrated(connection: Connection) -> None:
    """Raise StorageNotMigrated, which names the remedy, unless the schema is the one of this release."""
    sql = load("migrations")
    found = connection.execute(sql["has_versions"]).fetchone()
    row = connection.execute(sql["version"]).fetchone() if found and found[0] else None
    if row is None:
        raise StorageNotMigrated("the database has no tables of finfleet yet: run `finfleet db migrate`")
    if row[0] == head():
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if row[0] in known:
        raise StorageNotMigrated(
            f"the database is at revision {row[0]}, this release needs {head()}: run `finfleet db migrate`"
        )
    raise StorageNotMigrated(
        f"the database is at revision {row[0]}, of a later release of finfleet than this one: upgrade this installation"
    )


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
