"""What AWS charges, by Cost Explorer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from agents.aws.cost import costs
from agents.aws.cost.costs import CostReader, Group, Key, Span, moment_of
from agents.aws.cost.totals import Totals
from agents.aws.cost.types import category_of
from agents.aws.regions import cost_calls
from agents.aws.settings import AwsSettings
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.costs import WHOLE, CostLine
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_DAY = timedelta(days=1)
_ACCOUNT, _SERVICE, _REGION, _TYPE = map(Key, ("LINKED_ACCOUNT", "SERVICE", "REGION", "RECORD_TYPE"))
_NO_REGION = "NoRegion"


@service("aws", "cost")
class Cost(Service):
    """The bill of an account, day by day: by linked account, service and record type; again by region, and by tags.

    Cost Explorer groups by two things at most, so a day takes one call by region and record type, one for each record
    type by linked account and service, and one for each key of ``cost_tags``. Every page of every call costs $0.01.
    AWS revises a day for weeks, until its invoice is there: it is read six more times, and each reading costs the same
    again. Where two answers do not add up to the same, AWS was just revising: nothing of that reading counts.
    """

    interval = _DAY
    fixed_interval = True
    brings_bills = True
    # Cost Explorer is brought up to date at least once in 24 hours.
    delay = _DAY
    look_back = timedelta(days=425)  # this month and the 13 before
    regional = False
    refresh = tuple(timedelta(days=days) for days in (2, 3, 5, 8, 15, 35))
    permissions = (costs.API,)
    paid = costs.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A line a group, as the pages come in; only sums are kept."""
        del target
        if fault := self.check_interval(window.duration) or _off_grid(window):
            raise CollectionFailed(f"window {window}: {fault}")
        reader = CostReader(cost_calls(context), Span(window.start, window.end, "DAILY"))
        by_region = Totals("region")
        yield from _regions(reader, by_region)
        whole = Totals("account and service")
        for record_type in by_region.record_types:
            yield from _whole(reader, record_type, whole)
        by_region.check(whole)
        section = context.shared.settings.section(AwsSettings)
        for key in section.cost_tags if section is not None else ():
            by_tag = Totals(f"tag {key} and service")
            yield from _tags(reader, Key(key, tag=True), by_tag)
            by_region.over_all_types().check(by_tag)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A page by region, and one of usage."""
        del window, resources
        return _estimate(2)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """And one for each key of ``cost_tags``."""
        del window, resources, account
        return _estimate(2 + len(section.cost_tags if isinstance(section, AwsSettings) else ()))

    def check_interval(self, interval: timedelta) -> str:
        """Cost Explorer has values for whole days."""
        return "" if interval % _DAY == timedelta(0) else "Cost Explorer has a value a day: use a multiple of 1d"


def _estimate(pages: int) -> Estimate:
    price = costs.PAID[costs.API] * pages
    return Estimate({costs.API: pages}, price, more="a call for each further record type, and for each further page")


def _regions(reader: CostReader, totals: Totals) -> Iterator[CostLine]:
    for page in reader.pages((_REGION, _TYPE)):
        for group in filter(_has_keys, page.groups):
            region, record_type = group.keys
            totals.add(group, record_type)
            yield _line(group, "region", record_type, region_id="" if region == _NO_REGION else region)


def _whole(reader: CostReader, record_type: str, totals: Totals) -> Iterator[CostLine]:
    for page in reader.pages((_ACCOUNT, _SERVICE), only=(_TYPE.name, record_type)):
        for group in filter(_has_keys, page.groups):
            account, name = group.keys
            totals.add(group, record_type)
            yield _line(
                group,
                WHOLE,
                record_type,
                sub_account_id=account,
                sub_account_name=page.names.get(account, ""),
                service_name=name,
            )


def _tags(reader: CostReader, key: Key, totals: Totals) -> Iterator[CostLine]:
    for page in reader.pages((key, _SERVICE)):
        for group in filter(_has_keys, page.groups):
            value, name = group.keys
            totals.add(group)
            yield _line(group, f"tag:{key.name}", service_name=name, tags={key.name: value} if value else {})


def _has_keys(group: Group) -> bool:
    """CollectionFailed where an amount could not be read: a bill without it would be too low, and not say so."""
    if group.fault:
        raise CollectionFailed(f"{group.fault}: it is read anew at the next attempt")
    return bool(group.keys)


def _line(
    group: Group, breakdown: str, record_type: str = "", *, tags: dict[str, str] | None = None, **more: Any
) -> CostLine:
    amounts = dict(group.amounts)
    return CostLine(
        breakdown=breakdown,
        start=moment_of(group.start),
        end=moment_of(group.end),
        currency=group.currency,
        billed_cost=amounts.get(costs.UNBLENDED),
        effective_cost=amounts.get(costs.NET_AMORTIZED, amounts.get(costs.AMORTIZED)),
        amounts=amounts,
        charge_type=record_type,
        charge_category=category_of(record_type),
        tags=tags or {},
        estimated=group.estimated,
        **more,
    )


def _off_grid(window: Window) -> str:
    midnight = window.start.replace(hour=0, minute=0, second=0, microsecond=0)
    return "" if window.start == midnight else "Cost Explorer's days begin at midnight, UTC: choose such windows"
