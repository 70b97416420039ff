"""The accounts of the configuration whose invoices are read."""

from __future__ import annotations

from agents.aws.settings import AwsSettings
from telemetry.settings.providers import Account, ProviderSettings

_EVERYWHERE = ("global",)


def parts_of(section: ProviderSettings, account: Account) -> tuple[str, ...]:
    """What the target of an account has in the place of a region; nothing where its invoices are not read."""
    named = section.invoice_accounts if isinstance(section, AwsSettings) else ()
    return _EVERYWHERE if account.name in named else ()
