"""Prices are looked up once, kept for a while, and an unknown one for less."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from agents.core.context import LocalPriceCache
from agents.core.pricing import Price, PriceBook
from telemetry.errors import Unavailable

PRICE = Price(Decimal("0.0960000000"), "USD")


class _Watched(LocalPriceCache):
    """Keeps for how long each price is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, timedelta] = {}

    def put(self, key: str, value: str, ttl: timedelta) -> None:
        self.kept[key] = ttl
        super().put(key, value, ttl)


def test_a_price_comes_back_as_it_was_digit_by_digit() -> None:
    book = PriceBook(LocalPriceCache())
    assert book.find("m5", lambda: PRICE) == PRICE
    kept = book.find("m5", lambda: pytest.fail("looked up again"))
    assert kept == PRICE
    assert str(kept.amount) == "0.0960000000"


def test_an_unknown_price_is_remembered_too_but_not_as_long() -> None:
    cache = _Watched()
    book = PriceBook(cache)
    assert book.find("m5", lambda: PRICE) == PRICE
    assert book.find("c7g", lambda: None) is None
    assert book.find("c7g", lambda: pytest.fail("looked up again")) is None
    assert cache.kept == {"m5": timedelta(hours=24), "c7g": timedelta(hours=1)}


def test_of_many_that_want_one_price_one_looks_it_up() -> None:
    book = PriceBook(LocalPriceCache())
    asked: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def look_up() -> Price:
        asked.append("m5")
        begun.set()
        assert go.wait(10)
        return PRICE

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(book.find, "m5", look_up)
        assert begun.wait(10)
        others = [pool.submit(book.find, "m5", look_up) for _ in range(7)]
        # Another price does not wait for it.
        assert book.find("c5", lambda: PRICE) == PRICE
        go.set()
        assert {one.result(10) for one in [first, *others]} == {PRICE}
    assert asked == ["m5"]
    assert book._turns == {}


def test_what_fails_is_not_kept() -> None:
    book = PriceBook(LocalPriceCache())

    def refused() -> Price:
        raise Unavailable("not now")

    with pytest.raises(Unavailable):
        book.find("m5", refused)
    assert book.find("m5", lambda: PRICE) == PRICE


def test_what_no_store_can_hold_is_a_key_and_no_price() -> None:
    """Half a character, as JSON may have one: in the key, which names the thing, and in what is kept of it."""

    class Strict(LocalPriceCache):
        def get(self, key: str) -> str | None:
            key.encode()
            return super().get(key)

    book = PriceBook(Strict())
    assert book.find("m5.\ud800", lambda: PRICE) == PRICE
    assert book.find("m5.\ud800", lambda: pytest.fail("looked up again")) == PRICE
    odd = Price(Decimal(1), "\ud800")
    assert [book.find("c5", lambda: odd), book.find("c5", lambda: PRICE)] == [odd, PRICE]
