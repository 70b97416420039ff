"""Whether a database has the schema of this release.

Health checks and `finfleet status` ask, and start anew each time: so this does without Alembic, which takes longer to
import than all that they do.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from storage.database import Connection
from storage.errors import StorageNotMigrated
from storage.sql import load


@cache
def revisions() -> tuple[str, ...]:
    """The revisions that this release knows, in their order: the first word of each migration's file."""
    names = (file.name for file in files("migrations.versions").iterdir())
    found = sorted(name.partition("_")[0] for name in names if name.endswith(".py") and name[0].isdigit())
    if not found:
        raise RuntimeError("the package migrations is empty: install finfleet again")
    return tuple(found)


def head() -> str:
    """The revision of this release."""
    return revisions()[-1]


def check_migrated(connection: Connection) -> None:
    """Raise StorageNotMigrated, which names the remedy, unless the schema is the one of this release."""
    sql = load("migrations")
    found = connection.execute(sql["has_versions"]).fetchone()
    row = connection.execute(sql["version"]).fetchone() if found and found[0] else None
    if row is None:
        raise StorageNotMigrated("the database has no tables of finfleet yet: run `finfleet db migrate`")
    if row[0] == head():
        return
    if row[0] in revisions():
        raise StorageNotMigrated(
            f"the database is at revision {row[0]}, this release needs {head()}: run `finfleet db migrate`"
        )
    raise StorageNotMigrated(
        f"the database is at revision {row[0]}, of a later release of finfleet than this one: upgrade this installation"
    )
