"""What a service is: one file, one class, one decorator.

A service turns one window of one target into records. Importing its module must not import an SDK: the planner, beat
and the command line read every service's facts, and only a worker of its provider collects it.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import ClassVar

from agents.core.bill_reading import BillReading
from agents.core.context import Context, Shared
from agents.core.estimating import Estimate, EstimatesParts
from agents.core.provider import Provider, find_provider, providers
from telemetry.closest import did_you_mean
from telemetry.errors import ConfigError
from telemetry.records import Record
from telemetry.registry import in_a_line, name_of
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.settings.registry import distribution_of, unusable_providers
from telemetry.target import Target, Window, floor_time

__all__ = ["ENTRY_POINTS", "Estimate", "Service", "find", "service", "services", "unusable"]

logger = logging.getLogger(__name__)

_LATE = timedelta(hours=1)
"""After its window is whole, or due to be read again for the last time."""

ENTRY_POINTS = "finfleet.services"
"""The group of entry points by which other distributions offer services: modules that register them."""


class Service(BillReading, EstimatesParts, ABC):
    """One service of one provider."""

    provider: ClassVar[str]
    name: ClassVar[str]
    #: Length of a window, unless configured otherwise.
    interval: ClassVar[timedelta]
    #: Keeps to its own interval unless ``intervals`` names it: a source of one value a day has none every five minutes.
    fixed_interval: ClassVar[bool] = False
    #: How long after its end a window can be expected to be whole at the provider.
    delay: ClassVar[timedelta]
    #: How long the provider keeps what this service asks for, at the longest; None: not known.
    look_back: ClassVar[timedelta | None] = None
    #: Has targets per region; otherwise one per account, in the region ``global``.
    regional: ClassVar[bool] = True
    #: Can only be asked about the time since its worker started: a machine cannot be measured in the past.
    live: ClassVar[bool] = False
    #: Only collected of accounts that name it among their services.
    opt_in: ClassVar[bool] = False
    #: Tells which regions an account has enabled; collected of every account with ``regions: all``.
    reports_regions: ClassVar[bool] = False
    #: Brings lines of costs: its results wait in a queue of their own, so that a long bill delays no metrics.
    brings_bills: ClassVar[bool] = False
    #: The service of its provider that reads what this one finds: it looks for deliveries of bills, part by part, and
    #: yields a telemetry.deliveries.Delivery for each billing period that there is.
    delivers: ClassVar[str] = ""
    #: Its windows are billing periods: a delivery that was seen opens one, and the clock opens none.
    delivered: ClassVar[bool] = False
    #: When a settled window is read again, counted from its end: costs restate, metrics arrive late.
    refresh: ClassVar[tuple[timedelta, ...]] = ()
    #: The resources that are this service's alone, by patterns of their ids (agents.core.owning): whichever other
    #: service sees them too gives them no points and no rates. Empty: it measures and prices no resources.
    owns: ClassVar[tuple[str, ...]] = ()
    #: The permissions that a collection needs, by the provider's own names.
    permissions: ClassVar[tuple[str, ...]]
    #: Dollars a unit of its paid APIs; every other API of it is free.
    paid: ClassVar[Mapping[str, Decimal]] = MappingProxyType({})

    @abstractmethod
    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """Yield what the provider knows of ``window``, page by page: memory must not grow with the account.

        Raises telemetry.errors.CollectionError and its kinds, nothing else.
        """

    @abstractmethod
    def estimate(self, window: Window, resources: int) -> Estimate:
        """The calls that a collection of ``window`` takes for that many resources, and what they cost.

        Where nobody can know them, ``more`` and ``less`` of the estimate say what is not in it, and what may not come.
        """

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """The same as configured. A service overrides it that an option makes ask more, or less, or something else."""
        del section, account
        return self.estimate(window, resources)

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...] | None:
        """What its targets have in the place of a region, such as the exports that ``account`` reads; () for no target.

        None: it has a target per region, or one per account.
        """
        del section, account
        return None

    @property
    def key(self) -> tuple[str, str]:
        """Its provider and its name."""
        return self.provider, self.name

    def estimated(
        self,
        window: Window,
        resources: int,
        section: ProviderSettings | None = None,
        account: Account | None = None,
    ) -> Estimate | None:
        """What :meth:`estimate_for` says, or :meth:`estimate` where no account is given.

        None, and a line in the log, where that fails: no other service lacks its own.
        """
        try:
            if section is None or account is None:
                return self.estimate(window, resources)
            return self.estimate_for(window, resources, section, account)
        except Exception:
            logger.exception("%s/%s cannot say what a window takes", self.provider, self.name)
            return None

    def planned_at(self, section: ProviderSettings | None) -> tuple[timedelta, str] | None:
        """The length of its windows, and why that cannot be, if so; None, and a line in the log, where it fails."""
        try:
            interval = self.interval_in(section)
            return interval, self.check_interval(interval)
        except Exception:
            logger.exception("%s/%s is left out: it cannot say at what interval it is collected", *self.key)
            return None

    def warmed_up(self, shared: Shared) -> None:
        """Call :meth:`warm_up`; where that fails the worker starts all the same, since it collects others too."""
        try:
            self.warm_up(shared)
        except (KeyboardInterrupt, ConfigError):
            raise
        except BaseException:
            logger.exception("%s/%s cannot be made ready", self.provider, self.name)

    def warm_up(self, shared: Shared) -> None:
        """Called once in a worker that is to collect this service, before its first task."""
        del shared

    def interval_in(self, section: ProviderSettings | None) -> timedelta:
        """The length of its windows, as the provider's section has it."""
        if section is None:
            return self.interval
        configured = section.intervals.get(self.name) if self.fixed_interval else section.interval(self.name)
        return configured or self.interval

    def latest_window(self, now: datetime, interval: timedelta) -> Window:
        """What somebody who asks once wants: the last window that is whole; of a live service the time up to now.

        Of a delivered one the month that is running: it is delivered again and again until it is over.
        """
        if self.delivered:
            start = datetime(now.year, now.month, 1, tzinfo=UTC)
            return Window(start, datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC))
        end = now.replace(microsecond=0) + timedelta(seconds=1) if self.live else floor_time(now - self.delay, interval)
        return Window(end - interval, end)

    def is_late(self, window: Window, now: datetime) -> bool:
        """Whether ``window`` is collected later than a schedule would: what is listed now may not be what was then."""
        return now > window.end + max(self.delay, *self.refresh, timedelta(0)) + _LATE

    def say_late(self, context: Context, window: Window, source: str) -> None:
        """Say that a late collection lacks what was deleted meanwhile, where ``source`` lists the present only."""
        if self.is_late(window, context.shared.now()):
            context.partial("what was deleted since", f"collected late, and {source} lists only what there is now")

    def check_interval(self, interval: timedelta) -> str:
        """Why this service cannot be collected at ``interval``, or an empty string."""
        del interval
        return ""


_registry: dict[tuple[str, str], type[Service]] = {}
_unusable: list[str] = []


def service(provider: str, name: str) -> Callable[[type[Service]], type[Service]]:
    """Register a service under its provider and name. A second one of the same name is an error."""

    def register(cls: type[Service]) -> type[Service]:
        former = _registry.get((provider, name))
        if former is not None and former.__module__ != cls.__module__:
            raise RuntimeError(f"{provider}/{name} is registered twice: by {former.__module__} and {cls.__module__}")
        cls.provider, cls.name = provider, name
        _registry[provider, name] = cls
        return cls

    return register


@cache
def services() -> Mapping[tuple[str, str], Service]:
    """Every service that is installed, by provider and name: found by looking, never listed by hand.

    Ours, and those that other distributions offer as entry points of the group ``finfleet.services``. One of theirs
    that cannot be used is logged with the name of its distribution, is among :func:`unusable`, and harms no other.
    """
    found: dict[tuple[str, str], Service] = {}
    # Ours first: who derives a service from one of ours, and then fails, takes none of ours along.
    for provider in sorted(providers().values(), key=lambda one: not _is_ours(one)):
        found |= _import_services(provider)
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        found |= _load(entry)
    return dict(sorted(found.items()))


def _import_services(provider: Provider) -> dict[tuple[str, str], Service]:
    """The services of a provider; where one of another distribution's is not as it should be, none of its counts."""
    before = dict(_registry)
    try:
        package = importlib.import_module(provider.services)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
        _check_owners(before, provider)
        return {key: cls() for key, cls in _registry.items() if key[0] == provider.name}
    except BaseException as error:
        if _is_ours(provider) or isinstance(error, KeyboardInterrupt):  # a fault of the release
            raise
        where = f"{distribution_of(provider.name)}: provider {provider.name}: {provider.services}"
        _forget_but(before, f"{where}: {in_a_line(error)}")
        return {}


def _is_ours(provider: Provider) -> bool:
    return provider.services.startswith("agents.")


def _check_owners(before: Mapping[tuple[str, str], type[Service]], owner: Provider) -> None:
    """ValueError where a provider's package has registered a service of another one."""
    package = owner.services.partition(".")[0]
    added = sorted(_registry.items() - before.items(), key=lambda one: one[0])
    for (provider, name), cls in added:
        if provider != owner.name and cls.__module__.partition(".")[0] == package:
            raise ValueError(f"{provider}/{name}: a service in the package of {owner.name} must be one of {owner.name}")


def unusable() -> tuple[str, ...]:
    """What is wrong with entry points of other distributions, one line each."""
    services()
    return (*unusable_providers(), *_unusable)


def _load(entry: EntryPoint) -> dict[tuple[str, str], Service]:
    """The services that one entry point registers; none where any of them is not as it should be."""
    before = dict(_registry)
    try:
        entry.load()
        added = {key: cls() for key, cls in _registry.items() if key not in before}
        for provider, name in added:
            if provider not in providers():
                raise ValueError(f"{provider}/{name}: the provider must be one of {', '.join(providers())}")  # noqa: TRY301 - one place for all faults
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - somebody else's code, whatever it raises; a panic in Rust, too
        fault = f"{name_of(entry)}: entry point {entry.name} = {entry.value}: {in_a_line(error)}"
        _forget_but(before, fault)
        return {}
    return added


def _forget_but(before: dict[tuple[str, str], type[Service]], fault: str) -> None:
    """Keep what was registered ``before`` alone, and say why."""
    _registry.clear()
    _registry.update(before)
    _unusable.append(fault)
    logger.error("a service cannot be used: %s", fault)


def find(provider: str, name: str) -> Service:
    """The service of that name; LookupError says which there are."""
    try:
        return services()[provider, name]
    except KeyError:
        known = [n for p, n in services() if p == provider]
        if not known:
            find_provider(provider)
        more = f"; cannot be used: {'; '.join(unusable())}" if unusable() else ""
        raise LookupError(
            f"{provider} has no service {name!r} in this install; {did_you_mean(name, known)}{more}"
        ) from None
