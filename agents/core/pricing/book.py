"""Keeps prices, and looks each one up once however many ask for it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from agents.core.context import PriceCache, Shared

K = TypeVar("K")

KNOWN_FOR = timedelta(hours=24)
"""List prices change a few times a year."""
UNKNOWN_FOR = timedelta(hours=1)
"""A price that is missing today may be a price list that is not complete yet."""


@dataclass(frozen=True)
class Price:
    """What something costs, an hour unless its book says otherwise."""

    amount: Decimal
    #: ISO 4217.
    currency: str


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0


class PriceBook:
    """The prices of one process, on top of the cache that it may share with the fleet."""

    def __init__(self, cache: PriceCache) -> None:
        self._cache = cache
        self._turns: dict[str, _Turn] = {}
        self._lock = threading.Lock()

    def find(self, key: str, look_up: Callable[[], Price | None]) -> Price | None:
        """The price under ``key``, or None where it is unknown; ``look_up`` asks the provider."""
        return self.find_as(Price, key, look_up)

    def find_as(self, kind: type[K], key: str, look_up: Callable[[], K | None]) -> K | None:
        """The same, for a price of another shape: a dataclass.

        Of several threads that ask for one key, one looks it up and the others wait. What it raises is not kept.
        """
        key = key.encode("utf-8", "backslashreplace").decode()
        if (kept := self._kept(kind, key)) is not None:
            return kept[0]
        with self._turn(key):
            if (kept := self._kept(kind, key)) is not None:
                return kept[0]
            price = look_up()
            # A text with half a character in it cannot be kept: it is looked up again.
            with suppress(UnicodeEncodeError):
                self._cache.put(key, _write(price), UNKNOWN_FOR if price is None else KNOWN_FOR)
            return price

    def _kept(self, kind: type[K], key: str) -> tuple[K | None] | None:
        """What is kept, in a tuple since it may be an unknown price; None where nothing is kept that can be read."""
        text = self._cache.get(key)
        if text is None:
            return None
        try:
            return (_read(kind, text),)
        except (msgspec.MsgspecError, ValueError, RecursionError):  # spoilt, or another release's
            return None

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        with self._lock:
            turn = self._turns.setdefault(key, _Turn())
            turn.waiting += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.waiting -= 1
                if not turn.waiting:
                    del self._turns[key]


def price_book(shared: Shared) -> PriceBook:
    """The price book of this process."""
    return shared.once(PriceBook, lambda: PriceBook(shared.prices))


def _write(price: object) -> str:
    return msgspec.json.encode(price).decode()


def _read(kind: type[K], text: str) -> K | None:
    return None if text == "null" else msgspec.json.decode(text, type=kind)
