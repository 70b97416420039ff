"""``azure:``: tenants and subscriptions."""

from __future__ import annotations

from pydantic import SecretStr

from telemetry.settings.providers import ProviderSettings


class AzureSettings(ProviderSettings):
    """``azure:``. Without a secret, DefaultAzureCredential is used."""

    subscription_id: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    tenant_id: str | None = None
