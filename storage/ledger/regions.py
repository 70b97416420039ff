"""Which regions of an account are enabled, by what was collected of its target ``PROVIDER/ACCOUNT/global/regions``."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage.database import Connection
from storage.sql import load
from telemetry.target import Target

REGIONS_SERVICE = "regions"
"""The service whose resources are regions: their ids are ``ACCOUNT/REGION``, by the account's configured name."""
_SQL = load("ledger_regions")


class EnabledRegions(NamedTuple):
    """What was told last."""

    names: list[str]
    #: Up to an hour early: what is told again unchanged is not written every time.
    told_at: datetime


def enabled_regions(connection: Connection, provider: str, account: str) -> EnabledRegions | None:
    """The enabled regions of an account by name, in order; None where nothing was ever told of it."""
    place = {"provider": provider, "account": account, "service": REGIONS_SERVICE}
    rows = connection.execute(_SQL["enabled_regions"], place).fetchall()
    if not rows:
        return None
    return EnabledRegions([region for region, enabled, _ in rows if enabled], max(told_at for *_, told_at in rows))


def collected_regions(connection: Connection, target: Target) -> list[str]:
    """The regions in which the target's service is collected of its account."""
    place = {"provider": target.provider, "account": target.account, "service": target.service}
    return [row[0] for row in connection.execute(_SQL["collected_regions"], place)]
