"""What is wrong with a configuration, in a line a fault: path, value unless secret, what is allowed."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from telemetry.closest import closest
from telemetry.redact import MASK, redact
from telemetry.settings.fields import visible_address
from telemetry.settings.places import KEY, Kind, Place, examples_at, is_text, keys_at, kind_of, look_up, path, place_in
from telemetry.settings.showing import SHOWN, masked, secrets_in
from telemetry.text import shown
from telemetry.wording import LIST, Fault, wanted

MAX_FAULTS = 50
_BEGINNING = re.compile(r"[\w.-]*", re.ASCII)
_WORD = re.compile(r"[a-z]{1,16}\d{0,2}(?:[-_][A-Za-z]{0,16}\d{0,2}){0,4}")


def explain(
    faults: Sequence[Fault], document: Mapping[str, Any], written: Mapping[str, Any]
) -> list[tuple[Place, str]]:
    """The place and the line of each fault.

    Args:
        faults: what the model says of the document.
        document: what it was given.
        written: the same as it was written: a value that came from the environment is shown by the variable's name.
    """
    lines = []
    for fault in faults[:MAX_FAULTS]:
        place = place_in(document, fault["loc"])
        where = _named(fault, place)
        if fault["type"] == "extra_forbidden":
            lines.append((place, f"{where}: there is no such key{_did_you_mean(fault['loc'])}"))
            continue
        message = said(fault, look_up(written, place))
        value = _visible(fault["loc"], look_up(written, place))
        # A section says all of what does not go together in it, a line each.
        lines += [
            (place, f"{where}: {value}{one[:1].lower()}{one[1:]}" if where else one) for one in message.split("\n")
        ]
    if len(faults) > MAX_FAULTS:
        lines.append(((), f"and {len(faults) - MAX_FAULTS} more"))
    secrets = secrets_in(written)
    return [(place, _without(line, secrets)) for place, line in lines]


def _without(line: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, MASK)
    return line


def said(fault: Fault, value: Any = None) -> str:
    """What is wrong, without the value; of one that belongs into a list, and may be shown, how it is written there."""
    location = fault["loc"]
    message = wanted(fault, lambda: examples_at(location))
    if message == LIST:
        shown_value = _plain(location, value)
        examples = examples_at(location)
        return f"write a list: [{shown_value or (examples[0] if examples else 'a, b')}]"
    return message


def failed_check(error: Exception) -> str:
    """A line for a check of another distribution that fails itself: whose, and not its words, which may be a value."""
    frames = list(traceback.walk_tb(error.__traceback__))
    module = frames[-1][0].f_globals.get("__name__", "") if frames else ""
    return f"a check of {module or 'an unknown module'} fails ({type(error).__name__}): tell whoever offers it"


def _named(fault: Mapping[str, Any], place: Place) -> str:
    parts = [part if isinstance(part, int) else shown(part)[:SHOWN] for part in place if part != KEY]
    location = tuple(part for part in fault["loc"] if part != KEY)
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
    text = _plain(location, value)
    return f"{text[:SHOWN]!r}: " if text else ""


def _plain(location: Place, value: Any) -> str:
    """A value as it may be shown; empty where it may not be, or is no single one."""
    kind = kind_of(location)
    # Of a list of what may be shown, a single value may be.
    if kind is Kind.HIDDEN and isinstance(value, str) and _WORD.fullmatch(value):
        kind = kind_of((*location, 0))
    if kind is Kind.HIDDEN or value is None or not isinstance(value, str | int | float):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text.strip():  # what is in a file, such as a key, in the place of its name
        return ""
    if kind is Kind.ADDRESS:
        text = visible_address(text)
    return masked(redact(text), is_text=is_text(location) or is_text((*location, 0)))


def _did_you_mean(location: Place) -> str:
    known = keys_at(location[:-1])
    key = _beginning(str(location[-1])[:SHOWN])
    if (name := key.removesuffix("...")) in known:
        return f"; write {name}, a colon and a space before the value"
    if close := closest(name, known):
        return f"; did you mean {close}?"
    return f"; known are {', '.join(sorted(known))}" if known else ""
