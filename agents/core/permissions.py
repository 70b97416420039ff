"""The permissions of every provider, in the words of the module that its class names."""

from __future__ import annotations

from agents.core.provider import Permissions, providers
from agents.core.service import services
from telemetry.closest import did_you_mean


def documented_providers() -> tuple[str, ...]:
    """The providers that have a document of permissions."""
    return tuple(name for name, provider in providers().items() if provider.permissions)


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


def _documented(provider: str) -> Permissions:
    module = _module(provider)
    if module is None:
        known = did_you_mean(provider, documented_providers())
        raise LookupError(f"{provider} has no document of permissions; {known}")
    return module


def _module(provider: str) -> Permissions | None:
    found = providers().get(provider)
    return None if found is None else found.permissions_module()
