"""``generic:``: sources of your own, and the machine that the worker runs on."""

from __future__ import annotations

from telemetry.settings.providers import AccountEntry, ProviderSettings


class GenericSettings(ProviderSettings):
    """``generic:``: sources of your own, and the machine that the worker runs on."""

    accounts: tuple[AccountEntry, ...] = ()

    def _regions(self) -> tuple[str, ...]:
        return ("local",)

    def _entries(self) -> tuple[AccountEntry, ...]:
        return self.accounts
