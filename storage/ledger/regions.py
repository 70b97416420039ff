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


def enabled_regions(connection: Connection, provider: str) -> dict[str, EnabledRegions]:
    """The enabled regions of every account of a provider that any were told of: by name, in order."""
    place = {"provider": provider, "service": REGIONS_SERVICE}
    return {account: EnabledRegions(*told) for account, *told in connection.execute(_SQL["enabled_regions"], place)}


def collected_regions(connection: Connection, target: Target) -> list[str]:
    """The regions in which the target's service is collected of its account."""
    place = {"provider": target.provider, "account": target.account, "service": target.service}
    return [row[0] for row in connection.execute(_SQL["collected_regions"], place)]
