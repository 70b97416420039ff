"""From the configuration and the registry to targets: what the fleet owes, and where it is collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from agents.core.service import Service, services, unusable
from agents.core.targets import targets_of
from storage.ledger import TargetPlan
from telemetry.closest import did_you_mean
from telemetry.errors import ConfigError
from telemetry.settings import Settings
from telemetry.settings.providers import ProviderSettings


@dataclass(frozen=True)
class Planned:
    """One service of one provider, as configured: an entry of the schedule."""

    service: Service
    #: The shortest of its targets'.
    interval: timedelta
    targets: tuple[TargetPlan, ...]


def plan_targets(settings: Settings) -> dict[tuple[str, str], Planned]:
    """Every (provider, service) that is to be collected, with its targets; ConfigError lists what cannot be.

    The targets of an account with ``regions: all`` have that word in the place of their region: see tasks.regions.
    """
    problems: list[str] = []
    planned: dict[tuple[str, str], Planned] = {}
    for provider, section in settings.providers():
        known = {name: service for (owner, name), service in services().items() if owner == provider}
        problems += _unknown_services(provider, section, known)
        for name, service in known.items():
            found = service.planned_at(section)
            if found is None:
                continue  # it harms no other
            interval, fault = found
            if fault:
                problems.append(f"{provider}: the interval of {name}: {fault}")
                continue
            targets = tuple(_targets(provider, section, service, interval))
            if targets:
                shortest = min(target.interval for target in targets)
                planned[provider, name] = Planned(service, shortest, targets)
    if problems:
        raise ConfigError("configuration", tuple(problems))
    return planned


def _unknown_services(provider: str, section: ProviderSettings, known: dict[str, Service]) -> Iterator[str]:
    more = "".join(f"; cannot be used: {fault}" for fault in unusable())
    for index, name in enumerate(section.services):
        if name not in known:
            meant = f"{did_you_mean(name, known)}{more}"
            yield f"{provider}.services[{index}]: {name!r} is not a service of this install; {meant}"
    for name in section.intervals:
        if name not in known:
            meant = f"{did_you_mean(name, known)}{more}"
            yield f"{provider}.intervals.{name}: there is no such service in this install; {meant}"
        elif known[name].delivered:
            yield f"{provider}.intervals.{name}: {name} reads what was delivered: {_instead(known, name)}"
    yield from _without_past(provider, section, known, more)
    for index, account in enumerate(section.accounts_of(provider)):
        for name in set(account.services) - set(section.services) - set(known):
            where = f"{provider}.accounts[{index}].services"
            yield f"{where}: {name!r} is not a service of this install; {did_you_mean(name, known)}{more}"
    if not known:
        yield f"{provider}: this install has no service of it; set {provider}.enabled: false"


def _without_past(provider: str, section: ProviderSettings, known: dict[str, Service], more: str) -> Iterator[str]:
    """What ``backfill`` names and cannot be collected of the past."""
    for name in () if isinstance(section.backfill, timedelta) else section.backfill:
        where = f"{provider}.backfill.{name}"
        if name not in known:
            yield f"{where}: there is no such service in this install; {did_you_mean(name, known)}{more}"
        elif known[name].live and section.backfill_of(name):
            yield f"{where}: {name} is only measured as it happens, so there is no past to collect: leave it out"
        elif known[name].delivered and section.backfill_of(name):
            yield f"{where}: {name} reads all that was delivered, so nothing of the past is left: leave it out"


def _instead(known: dict[str, Service], name: str) -> str:
    looking = [one.name for one in known.values() if one.delivers == name]
    return " or ".join(["leave it out", *(f"name {one}, which looks for deliveries" for one in looking)])


def _targets(provider: str, section: ProviderSettings, service: Service, interval: timedelta) -> Iterator[TargetPlan]:
    for account, target in targets_of(provider, section, service):
        yield TargetPlan(
            target=target,
            queue=account.queue,
            interval=account.interval or interval,
            delay=service.delay,
            live=service.live,
            delivered=service.delivered,
            backfill=_backfill(section, service, account.interval or interval),
        )


def _backfill(section: ProviderSettings, service: Service, interval: timedelta) -> timedelta:
    if service.reports_regions or service.delivers:
        return interval  # one window is due at once: others wait for what it says, and more of the past says no more
    return timedelta(0) if service.live else section.backfill_of(service.name)
