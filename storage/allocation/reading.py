"""Reads the file of rules: all faults come at once, by field, value and remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from storage.allocation.model import Document, Rules
from telemetry.closest import closest
from telemetry.errors import ConfigError
from telemetry.redact import redact
from telemetry.settings.document import Purpose, read_document
from telemetry.settings.places import path as in_words
from telemetry.wording import NUMBER, wanted

_FILE = Purpose(
    missing="name the file of the rules, here or by the setting allocation.file",
    empty="begin with versions: docs/allocation.md has an example",
    no_mapping="it must hold versions: docs/allocation.md has an example",
    empty_section="write what belongs there below it: docs/allocation.md has an example",
)
_DIGITS = "at most 20 digits behind the point, and 30 in all: write a share such as 0.25"
_SHOWN = 60
_MOST = 50


def read_rules(path: Path) -> Document:
    """The rules of the file at ``path``; ConfigError lists what is wrong with it."""
    document = read_document(path, _FILE)
    try:
        return Document.model_validate(document)
    except ValidationError as error:
        raise ConfigError(str(path), _explained(error, document)) from None


def as_json(rules: Rules) -> bytes:
    """Rules as they are stored: the same rules are the same text."""
    return msgspec.json.encode(rules.model_dump(mode="json", exclude_defaults=True), order="sorted")


def from_json(text: bytes) -> Rules:
    """Rules as they were stored."""
    return Rules.model_validate(msgspec.json.decode(text))


def hash_of(rules: Rules) -> str:
    """Which rules these are, by what they say, whatever month they are in force from."""
    told = rules.model_dump(mode="json", exclude_defaults=True, exclude={"effective_from"})
    return sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def _explained(error: ValidationError, document: Any) -> tuple[str, ...]:
    faults = error.errors(include_url=False)
    places = [fault["loc"] for fault in faults]
    lines = [
        line
        for fault in faults
        # Of a list, what is wrong is not counted.
        if not (fault["type"] == "too_short" and any(_is_within(one, fault["loc"]) for one in places))
        for line in _lines(fault, document)
    ]
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return (*lines[:_MOST], *more)


def _is_within(place: Sequence[int | str], other: Sequence[int | str]) -> bool:
    return len(place) > len(other) and tuple(place[: len(other)]) == tuple(other)


def _lines(fault: Any, document: Any) -> list[str]:
    place = tuple(part for part in fault["loc"] if part != "[key]")
    where, value = in_words(place), _at(document, place)
    if fault["type"] == "extra_forbidden":
        known = _keys(place[:-1])
        near = closest(str(place[-1]), known)
        return [
            f"{where}: there is no such key; " + (f"did you mean {near}?" if near else f"known are {', '.join(known)}")
        ]
    message = _message(fault)
    shown = ""
    if isinstance(value, str | int | float):
        text = redact(str(value))[:_SHOWN]
        shown = f"{text!r}: " if isinstance(value, str) else f"{text}: "
    return [f"{where}: {shown}{one}" if where else one for one in message.split("\n")]


def _message(fault: Any) -> str:
    kind = str(fault["type"])
    if kind == "value_error":
        return str(fault["msg"]).removeprefix("Value error, ")
    if kind.startswith("decimal_"):  # shares: no amount of money stands in the file
        return _DIGITS if kind in {"decimal_max_digits", "decimal_max_places", "decimal_whole_digits"} else NUMBER
    return wanted(fault, tuple)


def _at(document: Any, place: Sequence[int | str]) -> Any:
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _keys(place: Sequence[int | str]) -> list[str]:
    """The keys that the section there may have."""
    model: Any = Document
    for part in (part for part in place if isinstance(part, str)):
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or part not in model.model_fields:
            return []
        model = _model_in(model.model_fields[part].annotation)
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner: Sequence[Any] = getattr(annotation, "__args__", ())
    found = [_model_in(one) for one in inner if not isinstance(annotation, Mapping)]
    return next((one for one in found if one is not None), None)
