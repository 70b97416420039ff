"""Which providers there are: those that this install offers as entry points of ``finfleet.providers``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import ClassVar, Protocol, cast

from telemetry.registry import Offers, load_offers
from telemetry.settings.providers import ProviderSettings

GROUP = "finfleet.providers"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TAKEN = frozenset({"push", "plan"})
"""Roles of a worker, beside the providers."""


class OfferedProvider(Protocol):
    """What the configuration needs of a provider; the whole is ``agents.core.provider.Provider``."""

    name: ClassVar[str]
    settings: ClassVar[type[ProviderSettings]]


def providers() -> Mapping[str, OfferedProvider]:
    """The providers of this install, by name."""
    return _offers().found


def unusable_providers() -> tuple[str, ...]:
    """What is wrong with providers of other distributions, one line each."""
    return _offers().unusable


@cache
def _offers() -> Offers[OfferedProvider]:
    return load_offers(GROUP, _check)


def _check(name: str, offered: object) -> OfferedProvider:
    made = offered() if isinstance(offered, type) else offered
    section = getattr(made, "settings", None)
    if getattr(made, "name", None) != name:
        raise ValueError(f"the provider's name is {getattr(made, 'name', None)!r}: it must be that of its entry point")
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise ValueError("a provider's name is lower-case letters, digits and _, and neither plan nor push")
    if not (isinstance(section, type) and issubclass(section, ProviderSettings)):
        raise ValueError("its settings must be a class derived from ProviderSettings")  # noqa: TRY004 - one kind of fault
    return cast("OfferedProvider", made)
