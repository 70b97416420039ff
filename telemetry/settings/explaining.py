"""What is wrong with a configuration, in a line a fault: path, value unless secret, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from telemetry.redact import redact
from telemetry.settings.fields import visible_address
from telemetry.settings.places import Kind, Place, keys_at, kind_of, look_up, path, place_in
from telemetry.text import shown

MAX_FAULTS = 50
_SHOWN = 60


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
        where = _named(place)
        if fault["type"] == "extra_forbidden":
            lines.append((place, f"{where}: there is no such key{_did_you_mean(fault['loc'])}"))
            continue
        message = said(fault)
        value = _visible(fault["loc"], look_up(written, place))
        lines.append((place, f"{where}: {value}{message[:1].lower()}{message[1:]}" if where else message))
    if len(faults) > MAX_FAULTS:
        lines.append(((), f"and {len(faults) - MAX_FAULTS} more"))
    return lines


def said(fault: Mapping[str, Any]) -> str:
    """What the model says of a fault, without the value."""
    if fault["type"] == "union_tag_invalid":
        return f"kind: write one of {fault['ctx']['expected_tags']}"
    if fault["type"] == "union_tag_not_found":
        return "kind: is missing: it says which keys there are"
    return str(fault["msg"]).removeprefix("Value error, ")


def _named(place: Place) -> str:
    return path(part if isinstance(part, int) else shown(part)[:_SHOWN] for part in place)


def _visible(location: Place, value: Any) -> str:
    kind = kind_of(location)
    if kind is Kind.HIDDEN or value is None or not isinstance(value, str | int | float):
        return ""
    text = str(value)
    if kind is Kind.ADDRESS:
        text = visible_address(text)
    return f"{redact(text)[:_SHOWN]!r}: " if text else ""


def _did_you_mean(location: Place) -> str:
    known = keys_at(location[:-1])
    close = difflib.get_close_matches(str(location[-1])[:_SHOWN], known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(sorted(known))}" if known else ""
