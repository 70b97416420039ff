"""What Azure charges, by Cost Management."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agents.azure import costs
from agents.azure.calls import AzureCalls
from agents.azure.cost_types import category_of
from agents.azure.costs import ACTUAL, AMORTIZED, Charge, Key, Question, charges, keys
from agents.azure.settings import AzureSettings
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.costs import WHOLE, CostLine
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_DAY = timedelta(days=1)
_RESOURCE, _SERVICE, _LOCATION, _TYPE = "ResourceId", "ServiceName", "ResourceLocation", "ChargeType"
_NOWHERE = "unassigned"


@service("azure", "cost")
class Cost(Service):
    """The bill of a subscription, day by day: by resource, service, location and charge type; again by tags.

    Cost Management tells what is invoiced (ActualCost) and what is used (AmortizedCost) in two queries, so a line
    holds either its billed or its effective cost, and each column adds up by itself. A day takes both queries, both
    again for each key of ``cost_tags``, and a call for each further page of 5,000 rows. Azure revises days until the
    month's invoice is there: a day is read six more times.
    """

    interval = _DAY
    fixed_interval = True
    brings_bills = True
    # Usage is there within a day.
    delay = _DAY
    regional = False
    refresh = tuple(timedelta(days=days) for days in (2, 3, 5, 8, 15, 35))
    permissions = (costs.PERMISSION,)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A line a row, as the pages come in."""
        del target
        if fault := self.check_interval(window.duration) or _off_grid(window):
            raise CollectionFailed(f"window {window}: {fault}")
        calls = AzureCalls(context)
        whole = keys(_RESOURCE, _SERVICE, _LOCATION, _TYPE)
        for kind in (ACTUAL, AMORTIZED):
            for charge in charges(calls, Question(kind, window, whole)):
                yield _line(charge, kind, WHOLE, calls.subscription)
        for tag in calls.section.cost_tags:
            cut = (Key(tag, tag=True), *keys(_SERVICE, _TYPE))
            for kind in (ACTUAL, AMORTIZED):
                for charge in charges(calls, Question(kind, window, cut)):
                    yield _line(charge, kind, f"tag:{tag}", calls.subscription, tag)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Two queries."""
        del window, resources
        return _estimate(2)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """And two for each key of ``cost_tags``."""
        del window, resources, account
        return _estimate(2 + 2 * len(section.cost_tags if isinstance(section, AzureSettings) else ()))

    def check_interval(self, interval: timedelta) -> str:
        """Cost Management has values for whole days."""
        return "" if interval % _DAY == timedelta(0) else "Cost Management has a value a day: use a multiple of 1d"


def _estimate(queries: int) -> Estimate:
    return Estimate({costs.API: queries}, Decimal(0), more="a call for each further page of 5,000 rows")


def _line(charge: Charge, kind: str, breakdown: str, subscription: str, tag: str = "") -> CostLine:
    if charge.day is None:
        raise CollectionFailed(f"{costs.API}: a row of a daily query has no day")
    values = charge.values
    location = values.get(_LOCATION, "")
    return CostLine(
        breakdown=breakdown,
        start=charge.day,
        end=charge.day + _DAY,
        currency=charge.currency,
        billed_cost=charge.amount if kind == ACTUAL else None,
        effective_cost=charge.amount if kind == AMORTIZED else None,
        amounts={kind: charge.amount},
        charge_type=values[_TYPE],
        charge_category=category_of(values[_TYPE]),
        service_name=values[_SERVICE],
        sub_account_id=subscription,
        region_id="" if location.lower() == _NOWHERE else location,
        resource_id=values.get(_RESOURCE, "").lower(),
        tags={tag: values[tag]} if tag and values[tag] else {},
    )


def _off_grid(window: Window) -> str:
    midnight = window.start.replace(hour=0, minute=0, second=0, microsecond=0)
    return "" if window.start == midnight else "Azure's days begin at midnight, UTC: choose such windows"
