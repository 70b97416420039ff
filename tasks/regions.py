"""``regions: all``: the planner takes from the database what a worker with credentials found enabled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
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
    plans = list(plans)
    return expand(plans, regions_of(connection, plans, now))


def regions_of(connection: Connection, plans: Iterable[TargetPlan], now: datetime) -> dict[Target, list[str]]:
    """What those targets stand for that stand for all regions of an account."""
    asked = [plan.target for plan in plans if plan.target.region == ALL_REGIONS]
    told = {provider: ledger.enabled_regions(connection, provider) for provider in {one.provider for one in asked}}
    return {target: _regions(connection, target, told[target.provider].get(target.account), now) for target in asked}


def expand(plans: Iterable[TargetPlan], regions: Mapping[Target, list[str]]) -> list[TargetPlan]:
    """``plans`` with these regions."""
    return [one for plan in plans for one in _expand(plan, regions)]


def _expand(plan: TargetPlan, regions: Mapping[Target, list[str]]) -> Iterator[TargetPlan]:
    target = plan.target
    if target not in regions:
        yield plan
        return
    for region in regions[target]:
        yield replace(plan, target=Target(target.provider, target.account, region, target.service))


def _regions(connection: Connection, target: Target, known: ledger.EnabledRegions | None, now: datetime) -> list[str]:
    source = f"{target.provider}/{target.account}/global/{ledger.REGIONS_SERVICE}"
    if known is None:
        logger.warning("%s: its regions are not known yet: %s has not told them", target, source)
        return ledger.collected_regions(connection, target)
    if now - known.told_at > _OLD:
        logger.warning("%s: its regions are those of %s: %s tells none", target, format_time(known.told_at), source)
    return known.names
