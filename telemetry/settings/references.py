"""``${NAME}`` in the configuration: replaced by environment variables, and which of them a process needs."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telemetry.errors import ConfigError
from telemetry.settings.destinations import is_destination
from telemetry.settings.places import Place, is_secret, look_up
from telemetry.settings.providers import AccountEntry, ProviderSettings
from telemetry.settings.registry import providers

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UNSET = "(unset)"
_MAX_EXPANDED = 65_536
_PLANNED = {*AccountEntry.model_fields, *ProviderSettings.model_fields, "region", "kind", "interval"} - {
    "endpoints",
    "ca_file",
}
"""What the schedule is made of: read by every process, also where it does not collect the provider."""


@dataclass(frozen=True)
class Needs:
    """What a process does, and so what it reads of the configuration."""

    #: The providers that it collects; None: all.
    providers: Collection[str] | None = None
    #: Whether it forwards, and so holds the secrets of the destinations.
    forwards: bool = True
    #: Whether it uses the database, and so holds what belongs to the fleet itself.
    stores: bool = True

    def collects(self, provider: str) -> bool:
        """Whether such a process collects a provider."""
        return self.providers is None or provider in self.providers

    def cover(self, place: Place, document: Mapping[str, Any]) -> bool:
        """Whether such a process cannot do without the value at a place."""
        section = place[0]
        if section in providers():
            return self.collects(str(section)) and look_up(document, (section, "enabled")) is not False
        if is_destination(section) and is_secret(place):
            return self.forwards
        if section == "database":
            return self.stores
        if place[:2] == ("ledger", "signing_keys"):
            return False  # planner and ingest say themselves that they need them
        return section == "broker" or self.stores or not is_secret(place)

    def read(self, place: Place, document: Mapping[str, Any]) -> bool:
        """Whether such a process makes use of the value at a place."""
        return self.cover(place, document) or _is_planned(place, document)


def _is_planned(place: Place, document: Mapping[str, Any]) -> bool:
    if place[0] not in providers() or is_secret(place):
        return False
    if place[1:2] in {("accounts",), ("sources",)}:
        pushes = look_up(document, (*place[:3], "kind")) == "push"
        return pushes or bool(_PLANNED.intersection(map(str, place[3:4])))
    return bool(_PLANNED.intersection(map(str, place[1:2])))


@dataclass
class Expansion:
    """Replaces references, and keeps what it found."""

    environ: Mapping[str, str]
    #: The variables that are not set, by place.
    unset: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    #: The variables that were used, by value.
    used: dict[str, str] = field(default_factory=dict, repr=False)

    def of(self, value: Any, place: Place = ()) -> Any:
        """``value`` with every reference in it replaced."""
        if isinstance(value, dict):
            return {key: self.of(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item, (*place, index)) for index, item in enumerate(value)]
        return self._text(value, place) if isinstance(value, str) else value

    def _text(self, text: str, place: Place) -> str:
        length = len(text) + sum(len(self.environ.get(name, "")) for name in _REFERENCE.findall(text))
        if length > _MAX_EXPANDED:
            raise ConfigError("environment", ("a value is too long with its variables written out",))
        return _REFERENCE.sub(lambda found: self._variable(found[1], place), text)

    def _variable(self, name: str, place: Place) -> str:
        found = self.environ.get(name)
        if not found:
            self.unset[place] = tuple(dict.fromkeys((*self.unset.get(place, ()), name)))
            return _UNSET
        self.used[found] = name
        return found


def expand(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """``text`` with every ``${NAME}`` replaced; ConfigError names the variables that are not set."""
    expansion = Expansion(environ)
    # Each reference has a place of its own: all that are not set are named.
    parts = re.split(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})", text)
    expanded = "".join(expansion.of(parts))
    if expansion.unset:
        names = dict.fromkeys(name for unset in expansion.unset.values() for name in unset)
        raise ConfigError("environment", tuple(f"the environment variable {name} is not set: set it" for name in names))
    return expanded


def references(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every variable that is referred to, with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from references(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item, (*place, index))
    elif isinstance(value, str):
        yield from ((place, name) for name in _REFERENCE.findall(value))
