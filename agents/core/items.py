"""Reads listings item by item, and items field by field: what is odd about one costs no other anything.

``Item`` gives the fields of one object of an answer: one that is missing, or of another kind than it should be, is
unknown and never an error. ``Listing`` takes each item of a listing once, counts what could not be read of them in the
report's ``partial``, and goes on with the next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from agents.core.context import Context
from telemetry.errors import CollectionError, CollectionFailed, Unavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")

UNREAD = "not told, or not readable"
"""Why a field is missing that every item should have."""


class Unreadable(ValueError):
    """An item lacks what it cannot be taken without."""


class Item:
    """One object of an answer. ``faults`` names the fields that are there and cannot be read, or should be there."""

    def __init__(self, fields: Mapping[str, Any], faults: set[str] | None = None, path: str = "") -> None:
        """``faults`` and ``path`` are those of the item that this one is a part of."""
        self.fields = fields
        self.faults: set[str] = set() if faults is None else faults
        self._path = path

    @classmethod
    def of(cls, fields: Mapping[str, Any] | Item) -> Item:
        """The item itself, or one of these fields."""
        return fields if isinstance(fields, Item) else cls(fields)

    def has(self, name: str) -> bool:
        """Whether the field is told, readable or not."""
        return self.fields.get(name) is not None

    def text(self, name: str) -> str:
        """A text; empty where it is unknown."""
        return self._get(name, str) or ""

    def needed(self, name: str) -> str:
        """A text that every such item has: it is a fault where it is missing."""
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
        """A whole number, or one in digits; None where it is unknown."""
        value = self.fields.get(name)
        if isinstance(value, str) and value.isdecimal() and value.isascii():
            return int(value)
        if isinstance(value, bool):
            self.fault(name)
            return None
        return cast("int | None", self._get(name, int))

    def flag(self, name: str) -> bool | None:
        """Yes or no; None where that is unknown."""
        return cast("bool | None", self._get(name, bool))

    def time(self, name: str) -> datetime | None:
        """A moment, as an aware datetime in UTC; None where it is unknown."""
        value = self.fields.get(name)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            if moment is None:
                return None
            if isinstance(moment, datetime) and moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        self.fault(name)
        return None

    def item(self, name: str) -> Item:
        """An item in the item; one without fields where it is unknown."""
        return Item(self._get(name, Mapping) or {}, self.faults, f"{self._path}{name}.")

    def items(self, name: str) -> list[Item]:
        """A list of items, without those that are none; empty where it is unknown."""
        found = self._get(name, list) or []
        if not all(isinstance(one, Mapping) for one in found):
            self.fault(name)
        return [Item(one, self.faults, f"{self._path}{name}.") for one in found if isinstance(one, Mapping)]

    def texts(self, name: str) -> list[str]:
        """A list of texts, without what is none; empty where it is unknown."""
        found = self._get(name, list) or []
        if not all(isinstance(one, str) for one in found):
            self.fault(name)
        return [one for one in found if isinstance(one, str)]

    def pairs(self, name: str, key: str = "Key", value: str = "Value") -> dict[str, str]:
        """A list of keys and values, as a dictionary; a key without a value has an empty one."""
        return {one.text(key): one.text(value) for one in self.items(name) if one.needed(key)}

    def fault(self, name: str) -> None:
        """Note that a field is not as it should be."""
        self.faults.add(f"{self._path}{name}")

    def _get(self, name: str, kind: type[Any]) -> Any:
        value = self.fields.get(name)
        if value is None or isinstance(value, kind):
            return value
        self.fault(name)
        return None


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

    def each(self, page: Mapping[str, Any] | Item, name: str, make: Callable[[Item], T]) -> Iterator[T]:
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

    def read(self, found: Any, make: Callable[[Item], T]) -> T | None:
        """What ``make`` makes of one item; None where it cannot be read. What it lacks is counted."""
        try:
            if not isinstance(found, Mapping):
                raise Unreadable("no object")  # noqa: TRY301 - one place for all faults
            item = Item(found)
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
