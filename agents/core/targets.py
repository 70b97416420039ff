"""Which targets a provider's section of the configuration stands for."""

from __future__ import annotations

from collections.abc import Iterator

from agents.core.service import Service
from telemetry.settings import Account
from telemetry.settings.providers import ALL_REGIONS, ProviderSettings
from telemetry.target import Target


def targets_of(provider: str, section: ProviderSettings, service: Service) -> Iterator[tuple[Account, Target]]:
    """The targets of one service, each with its account."""
    for account in section.accounts_of(provider):
        if _wanted(account, service):
            for region in account.regions if service.regional else ("global",):
                yield account, Target(provider, account.name, region, service.name)


def _wanted(account: Account, service: Service) -> bool:
    if service.reports_regions and ALL_REGIONS in account.regions:
        return True
    return service.name in account.services if account.services else not service.opt_in
