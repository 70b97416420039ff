"""Reads listings item by item, and items field by field: what is odd about one costs no other anything.

``Item`` gives the fields of one object of an answer: one that is missing, or of another kind than it should be, is
unknown and never an error. One that is missing, null or an empty text is not told, which is no fault; one of another
kind is, and :attr:`Item.faults` names it. ``Listing`` takes each item of a listing once, counts what could not be read
of them in the report's ``partial``, and goes on with the next.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Generic, Self, TypeVar, cast

from agents.core.context import Context
from telemetry.errors import CollectionError, CollectionFailed, Unavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")
I = TypeVar("I", bound="Item")  # noqa: E741

UNREAD = "not told, or not readable"
"""Why a field is missing that every item should have."""
_DIGITS = re.compile(r"[0-9]{1,18}(?:\.0*)?")
_MOST = 2**63
"""A whole number is less: neither a message nor Postgres keeps a larger one."""


class Unreadable(ValueError):
    """An item lacks what it cannot be taken without."""


class Item:
    """One object of an answer. ``faults`` names the fields that are there and cannot be read, or should be there."""

    def __init__(
        self, fields: Mapping[str, Any], faults: set[str] | None = None, path: str = "", *, is_known: bool = True
    ) -> None:
        """``faults`` and ``path`` are those of the item that this one is a part of.

        Of one that is not ``is_known`` there is something, and it cannot be read: no field of it is known to be absent.
        """
        self.fields = fields
        self.faults: set[str] = set() if faults is None else faults
        self._path = path
        self.is_known = is_known

    @classmethod
    def of(cls, fields: Mapping[str, Any] | Item) -> Item:
        """The item itself, or one of these fields."""
        return fields if isinstance(fields, Item) else cls(fields)

    def has(self, name: str) -> bool:
        """Whether the field is told, readable or not."""
        return self.fields.get(name) is not None

    def text(self, name: str) -> str:
        """A text; empty where it is unknown."""
        return self.told(name) or ""

    def told(self, name: str) -> str | None:
        """A text; empty where it is not told, and None where something is told that cannot be read."""
        value = self.fields.get(name)
        if value is None:
            return "" if self.is_known else None
        text = self._text_of(value)
        if text is None:
            self.fault(name)
        return text

    def expected(self, name: str) -> str | None:
        """A text that every such item has, be it empty; None where it is unknown, and a fault where it is missing."""
        if self.has(name):
            return self.told(name)
        self.fault(name)
        return None

    def needed(self, name: str) -> str:
        """A text that every such item has, and never an empty one: it is a fault where it is missing."""
        found = self.text(name)
        if not found:
            self.fault(name)
        return found

    def key(self, name: str) -> str:
        """A text without which it is no item: Unreadable where it is unknown."""
        found = self.text(name)
        if not found:
            raise Unreadable(f"without {self._path}{name}")
        return found

    def number(self, name: str) -> int | None:
        """A whole number that is not negative, which JSON may have in digits or with a point; None where unknown."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        found = whole_number(value)
        if found is None:
            self.fault(name)
        return found

    def real(self, name: str) -> float | None:
        """A finite number, with a fraction or without, of any sign; None where it is unknown."""
        value = self.fields.get(name)
        if value is None or _is_finite(value):
            return cast("float | None", value)
        self.fault(name)
        return None

    def flag(self, name: str, *, absent: bool | None = None) -> bool | None:
        """Yes or no; ``absent`` where it is not told, and None where it is unknown."""
        found = cast("bool | None", self._get(name, bool))
        return found if self.has(name) or not self.is_known else absent

    def time(self, name: str, zone: tzinfo | None = None) -> datetime | None:
        """A moment, as an aware datetime in UTC; None where it is unknown.

        ``zone`` is that of times which name none; without it such a time is unknown.
        """
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            if isinstance(moment, datetime):
                moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
                if moment.tzinfo is not None:
                    return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        self.fault(name)
        return None

    def item(self, name: str) -> Self:
        """An item in the item; one without fields where it is unknown."""
        found = self._get(name, Mapping)
        is_known = found is not None or (self.is_known and not self.has(name))
        return type(self)(found or {}, self.faults, f"{self._path}{name}.", is_known=is_known)

    def items(self, name: str) -> list[Self]:
        """A list of items, without those that are none; empty where it is unknown."""
        found = self._get(name, list) or []
        if not all(isinstance(one, Mapping) for one in found):
            self.fault(name)
        return [type(self)(one, self.faults, f"{self._path}{name}.") for one in found if isinstance(one, Mapping)]

    def length(self, name: str, *, absent: int | None = None) -> int | None:
        """How many things a list has, readable or not; ``absent`` where it is not told, None where it is unknown."""
        found = self._get(name, list)
        if found is not None:
            return len(found)
        return None if self.has(name) or not self.is_known else absent

    def texts(self, name: str) -> list[str]:
        """A list of texts, without what is none; empty where it is unknown."""
        found = self._get(name, list) or []
        if not all(isinstance(one, str) for one in found):
            self.fault(name)
        return [one for one in found if isinstance(one, str)]

    def tags(self, name: str) -> dict[str, str]:
        """Texts by name, as tags and labels are, without those that are none; a null is an empty text."""
        found = self._get(name, Mapping) or {}
        texts = {str(key): "" if value is None else self._text_of(value) for key, value in found.items()}
        if None in texts.values():
            self.fault(name)
        return {key: text for key, text in texts.items() if text is not None}

    def pairs(self, name: str, key: str = "Key", value: str = "Value") -> dict[str, str]:
        """A list of keys and values, as a dictionary; a key without a value has an empty one."""
        return {one.text(key): one.text(value) for one in self.items(name) if one.needed(key)}

    def fault(self, name: str) -> None:
        """Note that a field is not as it should be."""
        self.faults.add(f"{self._path}{name}")

    def _text_of(self, value: Any) -> str | None:
        """What is a text of what was told; None where it is none, as with half a character in it.

        Nothing can keep a NUL character.
        """
        if not isinstance(value, str) or not (value.isascii() or _is_unicode(value)):
            return None
        return value.replace("\x00", "")

    def _get(self, name: str, kind: type[Any]) -> Any:
        value = self.fields.get(name)
        if value is None or isinstance(value, kind):
            return value
        self.fault(name)
        return None


def whole_number(value: Any) -> int | None:
    """A whole number that is not negative, be it in digits or a double; None where it is none."""
    if isinstance(value, str):
        return int(value.partition(".")[0]) if _DIGITS.fullmatch(value) else None
    # JSON may have any number as a double.
    return int(value) if _is_finite(value) and 0 <= value < _MOST and value % 1 == 0 else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


class Listing(Generic[T]):
    """The items of one listing, over all of its pages: each once, however often it is listed.

    Of each item 64 bits are kept.
    """

    def __init__(self, context: Context, of: str, key: Callable[[T], Hashable] | None = None) -> None:
        """``of`` is what the items are called (``ec2 instances``), ``key`` what makes two of them the same thing."""
        self._context = context
        self._of = of
        self._key = key
        self._seen: set[int] = set()
        self._told: set[str] = set()

    def each(self, page: Mapping[str, Any] | Item, name: str, make: Callable[[Item], T | None]) -> Iterator[T]:
        """What ``make`` makes of each item under ``name``, without those that came before or cannot be read."""
        for found in self.raw(page, name):
            one = self.read(found, make)
            if one is not None and self.is_new(one):
                yield one

    def raw(self, page: Mapping[str, Any] | Item, name: str) -> Iterator[Any]:
        """The items under ``name`` as they are. A page without such a list is none: that part is refused."""
        fields = page.fields if isinstance(page, Item) else page
        found = fields.get(name)
        if isinstance(found, list | tuple):
            yield from found
        else:
            self._lost("a part of the listing", Unavailable(f"an answer has no list {name}: it is asked for anew"))

    def read(self, found: Any, make: Callable[[Item], T | None]) -> T | None:
        """What ``make`` makes of one item; None where it cannot be read. What it lacks is counted."""
        if isinstance(found, Mapping):
            return self.take(Item(found), make)
        self._lost("everything", CollectionFailed("no object"))
        return None

    def take(self, item: I, make: Callable[[I], T | None]) -> T | None:
        """The same of an item that there is already: one of a provider's own kind, for instance."""
        try:
            one = make(item)
        except CollectionError:
            raise
        except Unreadable as error:
            self._lost("everything", CollectionFailed(str(error)))
            return None
        except Exception as error:  # a fault of ours must not cost the neighbours
            logger.exception("one of the %s cannot be read", self._of)
            self._lost("everything", CollectionFailed(f"{type(error).__name__}: {error}"))
            return None
        for fault in sorted(item.faults):
            self._context.partial(fault, UNREAD, of=self._of)
        return one

    def is_new(self, one: T) -> bool:
        """Whether a thing comes for the first time."""
        if self._key is None:
            return True
        before = len(self._seen)
        self._seen.add(hash(self._key(one)))
        return len(self._seen) > before

    def _lost(self, missing: str, error: CollectionError) -> None:
        """Count what is lost. Where nothing else is found, the first such error is the collection's."""
        if str(error) in self._told:
            self._context.partial(missing, str(error), of=self._of)
        else:
            self._told.add(str(error))
            self._context.meter.refused(missing, error, of=self._of)
