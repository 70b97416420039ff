"""What a provider is: one folder, one class, one entry point of ``finfleet.providers``.

The class is loaded wherever the configuration is read: its module imports neither an SDK nor a service.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from telemetry.closest import did_you_mean
from telemetry.errors import ConfigError
from telemetry.registry import in_a_line
from telemetry.settings.providers import ProviderSettings
from telemetry.settings.registry import providers as offered

if TYPE_CHECKING:
    from agents.core.service import Service


class Permissions(Protocol):
    """A module that knows how a provider names permissions, and how it grants them."""

    #: The name of the document in ``docs/permissions``.
    DOCUMENT: str

    def permission_of(self, api: str) -> str:
        """The permission that a call of ``api`` needs; empty where it needs none."""

    def document(self, services: Iterable[Service]) -> str:
        """What to grant so that the services can be collected, and nothing more."""


class Provider(ABC):
    """A provider of telemetry."""

    #: As it is in the configuration, in targets and in the database: ``aws``.
    name: ClassVar[str]
    #: As people call it: ``AWS``.
    title: ClassVar[str]
    #: As bills in FOCUS call it, in whatever case: ``Amazon Web Services``.
    bills_as: ClassVar[tuple[str, ...]] = ()
    #: Its section of the configuration.
    settings: ClassVar[type[ProviderSettings]]
    #: The package that holds its services, a module each.
    services: ClassVar[str]
    #: The module of its permissions (see :class:`Permissions`); empty where it grants none.
    permissions: ClassVar[str] = ""
    #: Modules of its SDK, which must be there for a collection; none is imported for the question.
    sdk: ClassVar[tuple[str, ...]] = ()
    #: What to install for them, as pip takes it: ``finfleet[aws]``.
    install: ClassVar[str] = ""

    def missing(self) -> str:
        """What of its SDK is not installed, and the remedy, in words; empty where all is there."""
        absent = [module for module in self.sdk if not _is_there(module)]
        if not absent:
            return ""
        remedy = f": pip install '{self.install}'" if self.install else ""
        verb = "is" if len(absent) == 1 else "are"
        return f"{self.title} needs {', '.join(absent)}, which {verb} not installed{remedy}"

    def require(self) -> None:
        """ConfigError where its SDK is not installed: to be called before the first collection."""
        if what := self.missing():
            raise ConfigError(self.name, (what,))

    def permissions_module(self) -> Permissions | None:
        """How it names and grants permissions; None where there are none. ConfigError where that cannot be loaded."""
        if not self.permissions:
            return None
        try:
            return cast("Permissions", import_module(self.permissions))
        except ImportError as error:
            problem = f"its permissions, {self.permissions}, cannot be loaded: {in_a_line(error)}"
            raise ConfigError(self.name, (problem,)) from None


def providers() -> Mapping[str, Provider]:
    """The providers of this install, by name."""
    return cast("Mapping[str, Provider]", offered())


def find_provider(name: str) -> Provider:
    """The provider of that name; LookupError says which there are."""
    try:
        return providers()[name]
    except KeyError:
        raise LookupError(f"there is no provider {name!r} in this install; {did_you_mean(name, providers())}") from None


def needed_for(module: str) -> str:
    """What to install for a module that could not be imported, as pip takes it; empty where no provider needs it."""
    return next(
        (
            provider.install
            for provider in providers().values()
            for needed in provider.sdk
            if module == needed or module.startswith(f"{needed}.") or needed.startswith(f"{module}.")
        ),
        "",
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # of a package above it
        return False
