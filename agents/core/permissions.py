"""The permissions of every provider: ``agents.PROVIDER.permissions`` knows how that one names and grants them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from agents.core.service import services
from telemetry.settings.model import PROVIDERS


def documented_providers() -> tuple[str, ...]:
    """The providers that have a document of permissions."""
    return tuple(provider for provider in PROVIDERS if _module(provider) is not None)


def permission_of(provider: str, api: str) -> str:
    """The permission that a call of ``api`` needs, in the provider's words; ``api`` itself where there is no module."""
    module = _module(provider)
    return api if module is None else str(module.permission_of(api))


def file_name(provider: str) -> str:
    """The name of the provider's document in ``docs/permissions``; LookupError where it has none."""
    return str(_documented(provider).DOCUMENT)


def document(provider: str) -> str:
    """What to grant so that every service of the provider can be collected; LookupError where it has no document."""
    module = _documented(provider)
    return str(module.document([service for (owner, _), service in services().items() if owner == provider]))


def _documented(provider: str) -> ModuleType:
    module = _module(provider)
    if module is None:
        known = ", ".join(documented_providers())
        raise LookupError(f"{provider} has no document of permissions; there are: {known}")
    return module


def _module(provider: str) -> ModuleType | None:
    package = f"agents.{provider}"
    if find_spec(package) is None or find_spec(f"{package}.permissions") is None:
        return None
    return import_module(f"{package}.permissions")
