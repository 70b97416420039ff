"""Which targets a provider's section of the configuration stands for."""

from __future__ import annotations

from collections.abc import Iterator

from agents.core.service import Service, services
from telemetry.settings import Account
from telemetry.settings.providers import ALL_REGIONS, ProviderSettings
from telemetry.target import Target


def targets_of(provider: str, section: ProviderSettings, service: Service) -> Iterator[tuple[Account, Target]]:
    """The targets of one service, each with its account."""
    for account in section.accounts_of(provider):
        for region in regions_of(section, account, service):
            yield account, Target(provider, account.name, region, service.name)


def regions_of(section: ProviderSettings, account: Account, service: Service) -> tuple[str, ...]:
    """The regions of an account's targets of a service, or the parts that stand in their place."""
    if not _wanted(account, service):
        return ()
    if (parts := service.parts(section, account)) is not None:
        return parts
    return account.regions if service.regional else ("global",)


def _wanted(account: Account, service: Service) -> bool:
    if service.reports_regions and ALL_REGIONS in account.regions:
        return True
    if account.services:
        return any(name in account.services for name in _names(service))
    return not service.opt_in


def _names(service: Service) -> tuple[str, ...]:
    """Its own name, and that of the service that finds for it or reads for it: either is of no use alone."""
    if service.delivered:
        others = (one for (owner, _), one in services().items() if owner == service.provider)
        return (service.name, *(one.name for one in others if one.delivers == service.name))
    return (service.name, service.delivers) if service.delivers else (service.name,)
