"""What a reading of a target takes: by what its last readings took, else by the estimate of its service; or unknown."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from agents.core.estimating import Estimate
from agents.core.service import Service
from storage.reports import Readings
from telemetry.deliveries import DeliveredFile
from telemetry.settings import Account, Settings
from telemetry.settings.providers import ALL_REGIONS, ProviderSettings
from telemetry.target import Target, Window, floor_time

logger = logging.getLogger(__name__)

_MANY_RESOURCES = 1_000_000
NEVER_COLLECTED = "not collected yet, so its size is not known: give --resources"
_NO_REGIONS = "which regions the account has enabled is not known before they are collected"
NOT_DELIVERED = (
    "read once for each version of each month that is delivered: how many there are a day is known when deliveries have"
    " been seen for a day; at first each month that is there is read once"
)
_FAILED = "its service cannot say what it takes"
_NO_PRICE = "an API of it has no known price"


@dataclass(frozen=True)
class Reading:
    """One reading of one target; of a mean, calls need not be whole."""

    calls: Mapping[str, Decimal]
    #: None: not known, for :attr:`unpriced`.
    usd: Decimal | None
    #: Dollars by API, of those that are paid.
    paid: Mapping[str, Decimal]
    #: ``measured``: the mean of its last readings. ``estimated``: what its service says.
    basis: str
    #: ``at least``, ``at most``, ``about``; empty: exact, or measured.
    bound: str = ""
    #: What is not in it, and what may not come of it.
    why: str = ""
    unpriced: str = ""


@dataclass(frozen=True)
class Unknown:
    """Nobody can say what it takes."""

    why: str


@dataclass
class Estimates:
    """What is known of the targets of a configuration."""

    settings: Settings
    now: datetime
    #: Resources by target, as they were counted.
    resources: Mapping[str, int] = field(default_factory=dict)
    #: The last readings by target.
    readings: Mapping[str, Readings] = field(default_factory=dict)
    #: What somebody assumes for every target: nothing else counts then.
    assumed: int | None = None
    #: Versions of bills a day, by the target that reads them.
    deliveries: Mapping[str, Decimal] = field(default_factory=dict)
    #: The files of the newest of them of which sizes are known.
    files: Mapping[str, Sequence[DeliveredFile]] = field(default_factory=dict)

    def size(self, target: Target) -> int | None:
        """The resources of a target; None where they are not known."""
        return self.resources.get(str(target)) if self.assumed is None else self.assumed

    def reading(self, service: Service, target: Target, interval: timedelta) -> Reading | Unknown:
        """What a reading of a target takes, by its last ones where there are any."""
        if target.region == ALL_REGIONS:
            return Unknown(_NO_REGIONS)
        told = self.estimate(service, target, interval)
        measured = self.readings.get(str(target)) if self.assumed is None else None
        return told if measured is None else _measured(service, measured, told)

    def estimate(self, service: Service, target: Target, interval: timedelta) -> Reading | Unknown:
        """What its service says that a reading takes, for as many resources as are known."""
        window, size = _usual_window(service, self.now, interval), self.size(target)
        section, account = self._configured(target)
        if section is not None and account is not None and (part := self._part(service, target, section, account)):
            return _estimated(service, part)
        if size is not None:
            estimate = service.estimated(window, size, section, account)
            return Unknown(_FAILED) if estimate is None else _estimated(service, estimate)
        least, most = (service.estimated(window, count, section, account) for count in (0, _MANY_RESOURCES))
        if least is None or most is None:
            return Unknown(_FAILED)
        # What does not depend on the size is known without it.
        same = (least.calls, least.cost_usd) == (most.calls, most.cost_usd)
        return _estimated(service, most) if same else Unknown(NEVER_COLLECTED)

    def bytes(self, service: Service, target: Target) -> int | None:
        """What a reading fetches of files; None where it is not known, or it reads none."""
        files = self.files.get(str(target))
        return sum(file.size or 0 for file in files) if service.reads_files and files is not None else None

    def _part(self, service: Service, target: Target, section: ProviderSettings, account: Account) -> Estimate | None:
        try:
            return service.estimate_part(section, account, target.region, self.files.get(str(target)))
        except Exception:
            logger.exception("%s/%s cannot say what a part takes", service.provider, service.name)
            return None

    def _configured(self, target: Target) -> tuple[ProviderSettings | None, Account | None]:
        section = self.settings.provider(target.provider)
        accounts = section.accounts_of(target.provider) if section is not None else ()
        # One that is not configured any more is asked as the others are.
        named = (one for one in accounts if one.name == target.account)
        return section, next(named, next(iter(accounts), None))


def _usual_window(service: Service, now: datetime, interval: timedelta) -> Window:
    if service.delivered:
        return service.latest_window(now, interval)
    end = floor_time(now - service.delay, interval)
    return Window(end - interval, end)


def _estimated(service: Service, estimate: Estimate) -> Reading:
    calls = {api: Decimal(count) for api, count in estimate.calls.items() if count}
    paid = dict(estimate.paid)
    if not paid and estimate.cost_usd:
        # One API is paid, or nobody says which of several.
        named = [api for api in calls if api in service.paid]
        paid = {named[0] if len(named) == 1 else "": estimate.cost_usd}
    why = "; ".join(
        filter(None, (estimate.more and f"more: {estimate.more}", estimate.less and f"less: {estimate.less}"))
    )
    unpriced = _NO_PRICE if estimate.cost_usd is None else ""
    return Reading(calls, estimate.cost_usd, paid, "estimated", estimate.bound, why, unpriced)


def _measured(service: Service, readings: Readings, told: Reading | Unknown) -> Reading:
    """The mean of the last readings.

    What is free and half of them did not ask is looked up once (a token, a price list). Where a service says that it
    takes more than that for certain, an option has changed since: then that is the least.
    """
    kept = {
        api: one
        for api, one in readings.apis.items()
        if api in service.paid or one.usd != 0 or 2 * one.readings > readings.count
    }
    calls = {api: Decimal(one.calls) / readings.count for api, one in kept.items()}
    paid = {api: one.usd / readings.count for api, one in kept.items() if one.usd}
    unknown = any(one.usd is None for one in kept.values())
    bound, why = "", ""
    if isinstance(told, Reading) and told.bound in {"", "at least"}:
        raised = {api: count for api, count in told.calls.items() if count > calls.get(api, Decimal(0))}
        if raised:
            calls |= raised
            paid |= {api: told.paid[api] for api in raised if api in told.paid}
            bound, why = "at least", "the configuration has changed since the last readings"
    usd = None if unknown else sum(paid.values(), Decimal(0))
    return Reading(calls, usd, paid, "measured", bound, why, _NO_PRICE if unknown else "")
