"""``destinations:``: where records are forwarded. Each kind of destination brings the section that configures it.

Kinds are found by the entry points ``finfleet.destinations``, ours and those of other distributions alike. One that
cannot be used is logged with the name of its distribution, is among :func:`unusable_destinations`, and harms no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter

from telemetry.registry import Offers, load_offers
from telemetry.settings.fields import Name, Section

GROUP = "finfleet.destinations"
"""The group of entry points: kinds of destinations by the name that ``kind:`` has in the configuration."""
SECTION = "destinations"
MAX_DESTINATIONS = 20
"""Each has a sender and connections of its own."""
_FIELD = "named_destinations"
"""In the model: ``destinations`` are the names of all that are enabled, the short forms among them."""
_OURS = "agents"
"""Where the kinds of finfleet itself are."""


class DestinationSettings(Section):
    """What every destination's section can hold; a kind's adds ``kind: Literal["its name"]`` and its own keys."""

    #: False: nothing more is put into the outbox for it, and what waits there waits.
    enabled: bool = True


class _Another(DestinationSettings):
    kind: Literal[""]


def kinds() -> Mapping[str, Any]:
    """Every kind of destination that is installed, by name."""
    return _offers().found


def unusable_destinations() -> tuple[str, ...]:
    """What is wrong with kinds of other distributions, one line each."""
    return _offers().unusable


@cache
def _offers() -> Offers[Any]:
    return load_offers(GROUP, _check)


def _check(name: str, offered: object) -> Any:
    kind = offered() if isinstance(offered, type) else offered
    section = getattr(kind, "settings", None)
    if not (isinstance(section, type) and issubclass(section, DestinationSettings)):
        raise ValueError("its settings must be a class derived from DestinationSettings")  # noqa: TRY004 - one kind of fault
    field = section.model_fields.get("kind")
    if field is None or get_args(field.annotation) != (name,):
        raise ValueError(f"its settings must have the field kind: Literal[{name!r}]")
    # A section that cannot be made, or not beside others, would take the whole configuration with it.
    section.model_rebuild()
    TypeAdapter(_one_of((section, _Another)))
    for method in ("open", "schema"):
        if not callable(getattr(kind, method, None)):
            raise ValueError(f"it has no {method}(): derive its class from agents.core.destination.DestinationKind")  # noqa: TRY004 - as above
    if getattr(kind, "short_form", False) and type(kind).__module__.partition(".")[0] != _OURS:
        raise ValueError("a short form is for the kinds of finfleet itself: its section stands under destinations:")
    return kind


def short_forms() -> tuple[str, ...]:
    """The names of sections that are a destination each, without ``destinations:`` around them."""
    return tuple(name for name, kind in kinds().items() if getattr(kind, "short_form", False))


def is_destination(section: int | str) -> bool:
    """Whether a section of the configuration is of destinations."""
    return section == SECTION or section in short_forms()


def destination_fields() -> dict[str, Any]:
    """The fields of the whole configuration's model that the kinds bring: as ``pydantic.create_model`` takes them."""
    sections = {name: kind.settings for name, kind in kinds().items()}
    fields: dict[str, Any] = {name: (sections[name] | None, None) for name in short_forms()}
    if sections:
        entry = _one_of(tuple(sections.values()))
        named = Annotated[dict[Name, entry], Field(max_length=MAX_DESTINATIONS)]  # type: ignore[valid-type]  # made here
        fields[_FIELD] = (named, Field(default_factory=dict, alias=SECTION))
    return fields


def _one_of(sections: tuple[Any, ...]) -> Any:
    one: Any = reduce(or_, sections)
    return Annotated[one, Field(discriminator="kind")] if len(sections) > 1 else one


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
    # What waits in the outbox is known by the name alone.
    other = sorted(name for name in set(named) & set(short_forms()) if getattr(named[name], "kind", name) != name)
    if other:
        raise ValueError(
            f"{SECTION}.{other[0]}: the name is that of the section {other[0]}:, and what waits for it would go to"
            " another kind of destination: give this one another name"
        )
    return found | named
