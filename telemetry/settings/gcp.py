"""``gcp:``: projects."""

from __future__ import annotations

from telemetry.settings.providers import ProviderSettings


class GcpSettings(ProviderSettings):
    """``gcp:``. Without a file, application default credentials are used."""

    project_id: str | None = None
    credentials_file: str | None = None
