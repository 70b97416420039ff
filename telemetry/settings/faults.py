"""Every fault of a document at once.

A check of several values, such as that a deadline ends before its lease, does not run where any value is wrong. So
what is wrong is taken out, and the rest is looked at again; a fault that only the taking out has made is not told.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from telemetry.settings.places import Place, look_up, place_in
from telemetry.wording import Fault

_ROUNDS = 8


def all_faults(first: ValidationError, document: Any, validate: Callable[[Any], BaseModel]) -> list[Fault]:
    """The faults of ``first``, which ``validate`` has said of the document, and those that they hide."""
    found: list[Fault] = [*first.errors(include_url=False)]
    fresh: list[Fault] = [*found]
    rest = copy.deepcopy(document)
    removed: set[Place] = set()
    for _ in range(_ROUNDS):
        places = {_to_remove(rest, fault) for fault in fresh}
        if () in places or not places:
            break  # of the whole: nothing is left to look at
        for place in sorted(places, key=_from_the_end, reverse=True):
            _remove(rest, place)
        removed |= places
        try:
            validate(rest)
            break
        except ValidationError as error:
            fresh = [*error.errors(include_url=False)]
        except Exception:  # noqa: BLE001 - a validator of another distribution's, whatever it raises
            break
        found += [fault for fault in fresh if _is_its_own(fault, place_in(rest, fault["loc"]), removed)]
    return found


def _to_remove(document: Any, fault: Fault) -> Place:
    place = place_in(document, tuple(part for part in fault["loc"] if part != "[key]"))
    # What is missing, or is a word that nobody reads as a place, takes what it belongs to along.
    while place and look_up(document, place[:-1] or ()) is not None and not _has(document, place):
        place = place[:-1]
    return place


def _has(document: Any, place: Place) -> bool:
    holder = look_up(document, place[:-1])
    if isinstance(holder, dict):
        return place[-1] in holder
    return isinstance(holder, list) and isinstance(place[-1], int) and place[-1] < len(holder)


def _remove(document: Any, place: Place) -> None:
    holder = look_up(document, place[:-1])
    if isinstance(holder, dict):
        holder.pop(place[-1], None)
    elif isinstance(holder, list) and isinstance(place[-1], int) and place[-1] < len(holder):
        # The others keep their places.
        holder[place[-1]] = None


def _from_the_end(place: Place) -> tuple[str, ...]:
    return tuple(f"{part:09}" if isinstance(part, int) else part for part in place)


def _is_its_own(fault: Fault, place: Place, removed: set[Place]) -> bool:
    """Whether it is told: nothing that is taken out can have made it."""
    if any(place[: len(one)] == one for one in removed):
        return False
    below = [one for one in removed if one[: len(place)] == place]
    if below and fault["type"] == "missing":
        return False
    # A check names the keys that it looks at.
    words = set(re.findall(r"\w+", str(fault["msg"])))
    return not any(str(part) in words for one in below for part in one[-1:])
