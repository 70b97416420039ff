"""Exports that are configured and that nothing reads, since a list of services leaves theirs out."""

from __future__ import annotations

from collections.abc import Iterator

from agents.core.service import services
from agents.core.targets import regions_of
from telemetry.settings import Settings


def unread_exports(settings: Settings) -> Iterator[str]:
    """A sentence for each account whose exports are left out by its ``services``."""
    for provider, section in settings.providers():
        looking = [one for (owner, _), one in services().items() if owner == provider and one.delivers]
        for account in section.accounts_of(provider) if looking else ():
            for one in looking:
                exports = one.parts(section, account)
                if exports and not regions_of(section, account, one):
                    yield (
                        f"{provider}/{account.name}: what {', '.join(exports)} delivers is not read: its services do"
                        f" not name {one.delivers}: add {one.delivers} to {provider}.services"
                    )
