"""``regions: all``: the planner takes from the database what a worker with credentials found enabled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from storage import ledger
from storage.database import Connection
from storage.ledger import TargetPlan
from telemetry.settings.providers import ALL_REGIONS
from telemetry.target import Target, format_time

logger = logging.getLogger(__name__)

_OLD = timedelta(hours=3)
"""They are told every hour, and noted at least every second one."""


def with_regions(connection: Connection, plans: Iterable[TargetPlan], now: datetime) -> list[TargetPlan]:
    """``plans`` with a target for each enabled region where one stands for all of them.

    Where nobody can tell which are enabled now, the last that were told count; where they were never told, those that
    are collected already. So no target is lost to an error.
    """
    return [one for plan in plans for one in _expand(connection, plan, now)]


def _expand(connection: Connection, plan: TargetPlan, now: datetime) -> Iterator[TargetPlan]:
    target = plan.target
    if target.region != ALL_REGIONS:
        yield plan
        return
    for region in _regions(connection, plan, now):
        yield replace(plan, target=Target(target.provider, target.account, region, target.service))


def _regions(connection: Connection, plan: TargetPlan, now: datetime) -> list[str]:
    target = plan.target
    source = f"{target.provider}/{target.account}/global/{ledger.REGIONS_SERVICE}"
    known = ledger.enabled_regions(connection, target.provider, target.account)
    if known is None:
        logger.warning("%s: its regions are not known yet: %s has not told them", target, source)
        return ledger.collected_regions(connection, target)
    if now - known.told_at > _OLD:
        logger.warning("%s: its regions are those of %s: %s tells none", target, format_time(known.told_at), source)
    return known.names
