"""What the model says of a place in the configuration: whether its value may be shown, and which keys there are.

A place is a path of keys and indexes, as pydantic gives it with a fault. Secret is what the model says is secret. What
it does not know is not shown either: a mistyped key may hold a password.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from telemetry.settings.fields import ADDRESS, HIDDEN_ADDRESS
from telemetry.settings.model import settings_model

Place = tuple[int | str, ...]
_SCALARS = (str, int, float, bool, Decimal)


class Kind(Enum):
    """Of the value at a place."""

    PUBLIC = "may be shown"
    ADDRESS = "may be shown without its user, password and query"
    HIDDEN = "is a secret, holds one, or is not known to the model"


def kind_of(place: Place) -> Kind:
    """Whether the value there may be shown."""
    found = _annotations_at(place)
    if not found or any(_holds_secret(annotation) or not _is_scalar(annotation) for annotation in found):
        return Kind.HIDDEN
    return Kind.ADDRESS if any(_is_address(annotation) for annotation in found) else Kind.PUBLIC


def is_secret(place: Place) -> bool:
    """Whether the model says that there is, or may be, a secret at this place."""
    found = _annotations_at(place)
    return not found or any(_holds_secret(annotation) for annotation in found)


def is_text(place: Place) -> bool:
    """Whether the model takes a text there, of whatever form."""
    return any(
        isinstance(bare := _bare(annotation), type) and issubclass(bare, str) for annotation in _annotations_at(place)
    )


KEY = "[key]"
"""What pydantic adds to the place of a fault that is in a key."""


def examples_at(place: Place) -> tuple[str, ...]:
    """How a value there is written, by the examples of its field."""
    if place[-1:] == (KEY,):
        maps = [_bare(annotation) for annotation in _annotations_at(place[:-2])]
        found = [get_args(one)[0] for one in maps if get_origin(one) in {dict, Mapping}]
    else:
        found = [*_annotations_at(place)]
    metadata = [entry for annotation in found for entry in _metadata(annotation)]
    return next((tuple(map(str, entry.examples)) for entry in metadata if getattr(entry, "examples", None)), ())


def keys_at(place: Place) -> list[str]:
    """The keys that the section there may have; none where it is no section."""
    models = [bare for annotation in _annotations_at(place) if _is_model(bare := _bare(annotation))]
    return [field.alias or name for name, field in models[0].model_fields.items()] if models else []


def place_in(document: Any, location: Place) -> Place:
    """The location of a fault as it is in the document: pydantic puts the kind of a source into it too."""
    place: list[int | str] = []
    for part in location:
        if isinstance(document, dict) and part not in document and document.get("kind") == part:
            continue
        place.append(part)
        document = look_up(document, (part,))
    return tuple(place)


def look_up(document: Any, place: Iterable[int | str]) -> Any:
    """The value at a place; None where there is none."""
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def path(place: Iterable[int | str]) -> str:
    """A place in words: ``aws.accounts[0].name``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _annotations_at(place: Place) -> tuple[Any, ...]:
    """What the model allows there: several where sources differ by their kind."""
    return _annotations_of(settings_model(), place)


@lru_cache(maxsize=1024)
def _annotations_of(model: type[BaseModel], place: Place) -> tuple[Any, ...]:
    found: tuple[Any, ...] = (model,)
    for part in place:
        found = _narrowed(found, part) or tuple(inner for annotation in found for inner in _inside(annotation, part))
    return found


def _narrowed(found: tuple[Any, ...], part: int | str) -> tuple[Any, ...]:
    """The sources of the kind ``part``, where it names one."""
    return tuple(one for one in found if _is_model(_bare(one)) and part in get_args(_field(_bare(one), "kind")))


def _inside(annotation: Any, part: int | str) -> Iterator[Any]:
    bare = _bare(annotation)
    if _is_model(bare):
        inner = _field(bare, part)
        yield from [] if inner is None else _alternatives(inner)
    elif get_origin(bare) in {dict, Mapping}:
        yield from _alternatives(get_args(bare)[1])
    elif get_origin(bare) in {tuple, list} and isinstance(part, int):
        yield from _alternatives(get_args(bare)[0])


def _field(model: type[BaseModel], name: int | str) -> Any:
    field = next((field for key, field in model.model_fields.items() if (field.alias or key) == str(name)), None)
    if field is None:
        return None
    # Its examples are no metadata of the type's.
    metadata = [*field.metadata, field] if field.examples else field.metadata
    return Annotated[field.annotation, *metadata] if metadata else field.annotation


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The members of a union, what it is annotated with included; None is none of them."""
    bare, metadata = _bare(annotation), _metadata(annotation)
    members = get_args(bare) if get_origin(bare) in {Union, types.UnionType} else (bare,)
    for member in members:
        if get_origin(_bare(member)) in {Union, types.UnionType}:
            yield from _alternatives(member)
        elif member is not type(None):
            yield Annotated[member, *metadata] if metadata else member


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _is_address(annotation: Any) -> bool:
    return ADDRESS in _metadata(annotation)


def _is_model(bare: Any) -> bool:
    return isinstance(bare, type) and issubclass(bare, BaseModel)


def _is_scalar(annotation: Any) -> bool:
    bare = _bare(annotation)
    return get_origin(bare) is Literal or (isinstance(bare, type) and not _is_model(bare) and get_origin(bare) is None)


@cache
def _holds_secret(annotation: Any) -> bool:
    bare = _bare(annotation)
    if HIDDEN_ADDRESS in _metadata(annotation):
        return True
    if _is_model(bare):
        return any(_holds_secret(field.annotation) for field in bare.model_fields.values())
    if isinstance(bare, type) and issubclass(bare, SecretStr | SecretBytes):
        return True
    return get_origin(bare) is not Literal and any(_holds_secret(part) for part in get_args(bare))
