"""``destinations:``: where records are forwarded. Each kind of destination brings the section that configures it.

Kinds are found by the entry points ``finfleet.destinations``, ours and those of other distributions alike. One that
cannot be used is logged with the name of its distribution, is among :func:`unusable`, and harms no other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, reduce
from importlib.metadata import EntryPoint, entry_points
from operator import or_
from types import MappingProxyType
from typing import Annotated, Any, Protocol, get_args

from pydantic import BaseModel, Field

from telemetry.settings.fields import Name, Section

logger = logging.getLogger(__name__)

ENTRY_POINTS = "finfleet.destinations"
"""The group of entry points: kinds of destinations by the name that ``kind:`` has in the configuration."""
SECTION = "destinations"
MAX_DESTINATIONS = 20
"""Each has a sender and connections of its own."""
_FIELD = "named_destinations"
"""In the model: ``destinations`` are the names of all that are enabled, the short forms among them."""
_OURS = "finfleet"


class DestinationSettings(Section):
    """What every destination's section can hold; a kind's adds ``kind: Literal["its name"]`` and its own keys."""

    #: False: nothing more is put into the outbox for it, and what waits there waits.
    enabled: bool = True


class Kind(Protocol):
    """What the configuration has to know of a kind; the rest is agents.core.destination.DestinationKind."""

    settings: type[DestinationSettings]
    #: Whether a section of its name is a destination of its name, without ``destinations:`` around it. Ours only.
    short_form: bool


_unusable: list[str] = []


@cache
def kinds() -> Mapping[str, Any]:
    """Every kind of destination that is installed, by name."""
    found: dict[str, Any] = {}
    # Ours first: no other distribution takes the place of one.
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: (not _is_ours(entry), entry.name)):
        try:
            found[entry.name] = _load(entry, found)
        except Exception as error:  # noqa: BLE001 - somebody else's code, whatever it raises
            distribution = entry.dist.name if entry.dist is not None else "an unknown distribution"
            fault = f"{distribution}: entry point {entry.name} = {entry.value}: {type(error).__name__}: {error}"
            _unusable.append(fault)
            logger.error("a kind of destination cannot be used: %s", fault)  # noqa: TRY400 - the reason is enough, at every start
    return MappingProxyType(dict(sorted(found.items())))


def unusable() -> tuple[str, ...]:
    """What is wrong with entry points, one line each."""
    kinds()
    return tuple(_unusable)


def _is_ours(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == _OURS


def _load(entry: EntryPoint, known: Mapping[str, Any]) -> Any:
    if entry.name in known:
        raise ValueError("there is a kind of this name already")
    loaded = entry.load()
    kind = loaded() if isinstance(loaded, type) else loaded
    section = kind.settings
    if not (isinstance(section, type) and issubclass(section, DestinationSettings)):
        raise TypeError("its settings must be a subclass of telemetry.settings.destinations.DestinationSettings")
    field = section.model_fields.get("kind")
    if field is None or get_args(field.annotation) != (entry.name,):
        raise TypeError(f"its settings must have the field kind: Literal[{entry.name!r}]")
    if not callable(kind.open):
        raise TypeError("it has no open()")
    if kind.short_form and not _is_ours(entry):
        raise ValueError("a short form is for the kinds of finfleet itself: its section stands under destinations:")
    return kind


def short_forms() -> tuple[str, ...]:
    """The names of sections that are a destination each, without ``destinations:`` around them."""
    return tuple(name for name, kind in kinds().items() if kind.short_form)


def is_destination(section: int | str) -> bool:
    """Whether a section of the configuration is of destinations."""
    return section == SECTION or section in short_forms()


def destination_fields() -> dict[str, Any]:
    """The fields of the whole configuration's model that the kinds bring: as ``pydantic.create_model`` takes them."""
    sections = {name: kind.settings for name, kind in kinds().items()}
    fields: dict[str, Any] = {name: (sections[name] | None, None) for name in short_forms()}
    if sections:
        one: Any = reduce(or_, sections.values())
        entry = Annotated[one, Field(discriminator="kind")] if len(sections) > 1 else one
        named = Annotated[dict[Name, entry], Field(max_length=MAX_DESTINATIONS)]  # type: ignore[valid-type]  # made here
        fields[_FIELD] = (named, Field(default_factory=dict, alias=SECTION))
    return fields


def sections_of(settings: BaseModel) -> dict[str, DestinationSettings]:
    """The destinations of a configuration by name, short forms first; ValueError where a name is there twice."""
    short = {name: getattr(settings, name, None) for name in short_forms()}
    found = {name: section for name, section in short.items() if section is not None}
    named: dict[str, DestinationSettings] = getattr(settings, _FIELD, {})
    twice = sorted(found.keys() & named.keys())
    if twice:
        raise ValueError(
            f"{SECTION}.{twice[0]}: the section {twice[0]}: is a destination of this name already: "
            "give this one another name, or leave that section out"
        )
    return found | named
