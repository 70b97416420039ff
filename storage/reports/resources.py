"""How large the targets are."""

from __future__ import annotations

from storage.database import Connection
from storage.sql import load

_SQL = load("reports")


def resources_by_target(connection: Connection) -> dict[str, int]:
    """Resources that were seen within a day of the last collection, by ``provider/account/region/service``.

    A target that was never collected, or shares its place with another account, is left out: not known is not zero.
    """
    return dict(connection.execute(_SQL["resources_by_target"]).fetchall())
