"""The configuration: ``config/telemetry.yaml``, checked whole before anything starts."""

from telemetry.settings.loading import load_settings
from telemetry.settings.model import Settings
from telemetry.settings.providers import Account

__all__ = ["Account", "Settings", "load_settings"]
