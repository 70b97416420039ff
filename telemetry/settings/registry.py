"""Which providers there are: those that this install offers as entry points of ``finfleet.providers``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import ClassVar, Protocol, cast

from telemetry.registry import Offers, load_offers
from telemetry.settings.destinations import destination_fields
from telemetry.settings.providers import ProviderSettings

GROUP = "finfleet.providers"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TAKEN = frozenset({"push", "plan"})
"""Roles of a worker, beside the providers."""


class OfferedProvider(Protocol):
    """What the configuration needs of a provider; the whole is ``agents.core.provider.Provider``."""

    name: ClassVar[str]
    settings: ClassVar[type[ProviderSettings]]


_FIELDS: Mapping[str, type] = MappingProxyType(
    {"title": str, "services": str, "permissions": str, "sdk": tuple, "install": str}
)
"""What the rest of finfleet asks of one, beside its name and section."""


def providers() -> Mapping[str, OfferedProvider]:
    """The providers of this install, by name."""
    return _offers().found


def unusable_providers() -> tuple[str, ...]:
    """What is wrong with providers of other distributions, one line each."""
    return _offers().unusable


def distribution_of(provider: str) -> str:
    """The name of the distribution that a provider of this install is of."""
    return _offers().distributions[provider]


@cache
def _offers() -> Offers[OfferedProvider]:
    return load_offers(GROUP, _check)


def _check(name: str, offered: object) -> OfferedProvider:
    made = offered() if isinstance(offered, type) else offered
    if getattr(made, "name", None) != name:
        raise ValueError(f"the provider's name is {getattr(made, 'name', None)!r}: it must be that of its entry point")
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise ValueError("a provider's name is lower-case letters, digits and _, and neither plan nor push")
    if _means_something_else(name):
        raise ValueError(f"{name!r} is a word of the configuration already: a provider needs another name")
    for field, kind in _FIELDS.items():
        if not isinstance(getattr(made, field, None), kind):
            raise ValueError(f"it has no {field}: derive its class from agents.core.provider.Provider")  # noqa: TRY004 - one kind of fault
    section = getattr(made, "settings", None)
    if not (isinstance(section, type) and issubclass(section, ProviderSettings)):
        raise ValueError("its settings must be a class derived from ProviderSettings")  # noqa: TRY004 - one kind of fault
    # A section that cannot be made would take the whole configuration with it.
    section.model_rebuild()
    return cast("OfferedProvider", made)


def _means_something_else(name: str) -> bool:
    # It asks for the providers itself.
    from telemetry.settings.model import Settings  # noqa: PLC0415 - see above

    return name in Settings.model_fields or hasattr(Settings, name) or name in destination_fields()
