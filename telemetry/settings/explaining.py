"""What is wrong with a configuration, in a line a fault: path, value unless secret, what is allowed."""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from telemetry.redact import redact
from telemetry.settings.fields import visible_address
from telemetry.settings.places import Kind, Place, keys_at, kind_of, look_up, path, place_in
from telemetry.text import shown

MAX_FAULTS = 50
_SHOWN = 60
_BEGINNING = re.compile(r"[\w.-]*", re.ASCII)
_KEY = "[key]"
"""What pydantic adds to the place of a fault that is in a key."""
_NO_MAPPING = {"dict_type", "mapping_type", "model_type", "model_attributes_type"}


def explain(error: ValidationError, document: Mapping[str, Any], written: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """The place and the line of each fault.

    Args:
        error: what the model said of the document.
        document: what it was given.
        written: the same as it was written: a value that came from the environment is shown by the variable's name.
    """
    faults = error.errors(include_url=False)
    lines = []
    for fault in faults[:MAX_FAULTS]:
        place = place_in(document, fault["loc"])
        where = _named(fault, place)
        if fault["type"] == "extra_forbidden":
            lines.append((place, f"{where}: there is no such key{_did_you_mean(fault['loc'])}"))
            continue
        message = said(fault)
        value = _visible(fault["loc"], look_up(written, place))
        lines.append((place, f"{where}: {value}{message[:1].lower()}{message[1:]}" if where else message))
    if len(faults) > MAX_FAULTS:
        lines.append(((), f"and {len(faults) - MAX_FAULTS} more"))
    return lines


def failed_check(error: Exception) -> str:
    """A line for a check of another distribution that fails itself: whose, and not its words, which may be a value."""
    frames = list(traceback.walk_tb(error.__traceback__))
    module = frames[-1][0].f_globals.get("__name__", "") if frames else ""
    return f"a check of {module or 'an unknown module'} fails ({type(error).__name__}): tell whoever offers it"


def said(fault: Mapping[str, Any]) -> str:
    """What the model says of a fault, without the value."""
    if fault["type"] == "union_tag_invalid":
        return f"kind: write one of {fault['ctx']['expected_tags']}"
    if fault["type"] == "union_tag_not_found":
        return "kind: is missing: it says which keys there are"
    if fault["type"] == "too_long":
        return f"write {fault['ctx']['max_length']} at the most"
    if fault["type"] in _NO_MAPPING:
        return "write keys with their values here"
    return str(fault["msg"]).removeprefix("Value error, ")


def _named(fault: Mapping[str, Any], place: Place) -> str:
    parts = [part if isinstance(part, int) else shown(part)[:_SHOWN] for part in place if part != _KEY]
    location = tuple(part for part in fault["loc"] if part != _KEY)
    unknown = fault["type"] == "extra_forbidden" or kind_of(location) is Kind.HIDDEN
    if unknown and parts and isinstance(parts[-1], str):
        parts[-1] = _beginning(parts[-1])
    return path(parts)


def _beginning(key: str) -> str:
    """A key that the model does not know, to the end of its first word: `{api_key:VALUE}` is one key in YAML."""
    word = _BEGINNING.match(key)
    found = word[0] if word else ""
    return key if found == key else f"{found}..."


def _visible(location: Place, value: Any) -> str:
    kind = kind_of(location)
    if kind is Kind.HIDDEN or value is None or not isinstance(value, str | int | float):
        return ""
    text = str(value)
    if "\n" in text.strip():  # what is in a file, such as a key, in the place of its name
        return ""
    if kind is Kind.ADDRESS:
        text = visible_address(text)
    return f"{redact(text)[:_SHOWN]!r}: " if text else ""


def _did_you_mean(location: Place) -> str:
    known = keys_at(location[:-1])
    key = _beginning(str(location[-1])[:_SHOWN])
    if (name := key.removesuffix("...")) in known:
        return f"; write {name}, a colon and a space before the value"
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(sorted(known))}" if known else ""
