"""Accounts of the configuration that are the same at their provider: read twice, and their bill counts once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from tasks.targets import Planned
from telemetry.settings import Settings


def same_accounts(settings: Settings, planned: Mapping[tuple[str, str], Planned]) -> list[str]:
    """A line for each service that is collected twice in one place, since an account has two names or more.

    Only where the configuration tells the provider's own ids; what the lines of the bills tell is in
    ``reporting.cost_sources``.
    """
    lines = []
    for (provider, service), plan in planned.items():
        section = settings.provider(provider)
        accounts = section.accounts_of(provider) if section is not None else ()
        own_ids = {account.name: account.provider_id.lower() for account in accounts}
        names: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for target in (one.target for one in plan.targets):
            names[own_ids.get(target.account, "")][target.region].add(target.account)
        for own_id, places in sorted(names.items()):
            both = sorted(set().union(*(found for found in places.values() if len(found) > 1)))
            if own_id and both:
                lines.append(
                    f"{provider}/{service}: the accounts {', '.join(both)} are all {own_id}, so it is read for each of"
                    " them; of a bill that of one counts (reporting.cost_sources): name the account once"
                )
    return lines
