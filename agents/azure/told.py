"""One item of an answer, read field by field: what is odd in it is left out and counted, and the rest is kept.

Every listing of every service is read this way. A field that is not there at all is no fault: it is empty, or None,
and what needs it says so. One of another kind than Azure's (a number in the place of a text) is unknown, and the report
names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from agents.core.context import Context
from telemetry.target import parse_time

_ODD = "Azure told something else in its place"
_NO_ITEM = "Azure told something that is none"


class Told:
    """What Azure told of one thing. ``odd`` hears the name of each field that is not of its kind, once."""

    def __init__(self, fields: Mapping[str, Any], odd: Callable[[str], None], where: str = "") -> None:
        #: As they were told.
        self.fields = fields
        self._odd = odd
        self._where = where
        self._named: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the field was told."""
        return self.fields.get(name) is not None

    def text(self, name: str) -> str | None:
        """A text, empty where it was not told; None where it is none."""
        value = self.fields.get(name)
        if value is None or isinstance(value, str):
            return value or ""
        self.odd(name)
        return None

    def column(self, name: str) -> str | None:
        """A text that was asked for by name and is always told, be it empty; None where it is none."""
        if self.has(name):
            return self.text(name)
        self.odd(name)
        return None

    def number(self, name: str) -> float | None:
        """A finite number; None where there is none."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            self.odd(name)
            return None
        return value

    def count(self, name: str) -> int | None:
        """A whole number that is not negative; None where there is none."""
        value = self.number(name)
        if value is None or (value >= 0 and value == int(value)):
            return None if value is None else int(value)
        self.odd(name)
        return None

    def flag(self, name: str) -> bool | None:
        """Whether something is so, False where it was not told; None where that is unknown."""
        value = self.fields.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.odd(name)
        return None

    def moment(self, name: str) -> datetime | None:
        """A moment with its zone; None where there is none."""
        text = self.text(name)
        if not text:
            return None
        for form in (text, f"{text.replace(' ', 'T')}Z"):
            try:
                return parse_time(form)
            except (ValueError, OverflowError):
                continue
        self.odd(name)
        return None

    def part(self, name: str) -> Told:
        """What is told inside of it; without a field where there is nothing."""
        value = self.fields.get(name)
        if not isinstance(value, Mapping):
            if value is not None:
                self.odd(name)
            value = {}
        return Told(value, self._odd, f"{self._where}{name}.")

    def parts(self, name: str) -> list[Told] | None:
        """A list of things, those left out that are none; None where there is no list."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            self.odd(name)
            return None
        if not all(isinstance(one, Mapping) for one in value):
            self.odd(name)
        return [Told(one, self._odd, f"{self._where}{name}.") for one in value if isinstance(one, Mapping)]

    def length(self, name: str) -> int | None:
        """How many things a list has, whatever they are; None where there is no list."""
        value = self.fields.get(name)
        return len(value) if isinstance(value, list) else None

    def texts(self, name: str) -> dict[str, str]:
        """Texts by name, such as tags; those left out that are none."""
        value = self.fields.get(name)
        if not isinstance(value, Mapping):
            if value is not None:
                self.odd(name)
            return {}
        kept = {str(key): text for key, text in value.items() if isinstance(text, str)}
        if len(kept) < len(value):
            self.odd(name)
        return kept

    def strings(self, name: str) -> list[str]:
        """A list of texts; those left out that are none."""
        value = self.fields.get(name)
        if value is None:
            return []
        kept = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
        if not isinstance(value, list) or len(kept) < len(value):
            self.odd(name)
        return kept

    def names(self, name: str) -> list[str] | None:
        """The names of what is told by name, whatever it is; None where nothing is told that way."""
        value = self.fields.get(name)
        return [str(key) for key in value] if isinstance(value, Mapping) else None

    def was_odd(self, name: str) -> bool:
        """Whether the field was looked at, and is not of its kind."""
        return name in self._named

    def odd(self, name: str) -> None:
        """Note a field whose value cannot be what it should."""
        if name not in self._named:
            self._named.add(name)
            self._odd(f"{self._where}{name}")


class Listing:
    """The items of one listing: each is taken once, whichever pages it is on."""

    def __init__(self, context: Context, things: str) -> None:
        """``things`` are what it lists, in the plural: ``virtual machines``."""
        self._context = context
        self._things = things
        self._seen: set[int] = set()

    def items(self, page: Iterable[Any]) -> Iterator[Told]:
        """The items of a page; what is no item at all is counted."""
        for item in page:
            if isinstance(item, Mapping):
                yield Told(item, self._note)
            else:
                self.lacks("all", _NO_ITEM)

    def is_new(self, key: object) -> bool:
        """Whether this is the first of that key."""
        # A number in place of a long id: an account may have a hundred thousand.
        before = len(self._seen)
        self._seen.add(hash(key))
        return len(self._seen) > before

    def lacks(self, missing: str, why: str, count: int = 1) -> None:
        """Say what is missing of so many of them, and why."""
        self._context.partial(missing, why, of=self._things, count=count)

    def _note(self, field: str) -> None:
        self.lacks(field, _ODD)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False
