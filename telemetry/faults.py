"""What the checks of messages share: naming a value that cannot be, and looking at texts, times and maps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from telemetry.errors import InvalidRecord
from telemetry.limits import EARLIEST, LATEST, MAX_KEY, MAX_RECORD, MAX_TAGS, MAX_TEXT
from telemetry.wording import written

CURRENCY = re.compile(r"[A-Z]{3}")
_SHOWN = 120
_NAMED = 40


def fail(path: str, value: object, remedy: str) -> NoReturn:
    """Raise InvalidRecord, with as much of ``value`` as a person needs."""
    raise InvalidRecord(path, written(value, _SHOWN), remedy)


def check_moment(path: str, moment: datetime) -> None:
    """A time has a zone, and lies where clocks are."""
    if moment.tzinfo is None:
        fail(path, str(moment), "a time with its zone")
    if not EARLIEST <= moment < LATEST:
        fail(path, str(moment), "between the years 2000 and 2100")


def check_currency(path: str, currency: str) -> None:
    """A code of three letters."""
    if not CURRENCY.fullmatch(currency):
        fail(path, currency, "an ISO 4217 code, USD for instance")


def are_short(texts: Sequence[str], limit: int = MAX_TEXT) -> bool:
    """Whether all of them can be kept, at the price of a few built-in calls."""
    return max(map(len, texts), default=0) <= limit and "\x00" not in "".join(texts)


def each_text(prefix: str, texts: Iterable[tuple[str, str]], limit: int = MAX_TEXT) -> None:
    """Fail with the first text that cannot be kept."""
    for name, text in texts:
        if len(text) > limit:
            fail(f"{prefix}{name}", f"{text[:_NAMED]}... ({len(text)} characters)", f"at most {limit} characters")
        if "\x00" in text:
            fail(f"{prefix}{name}", text, "no NUL character: Postgres cannot keep one")


def each_entry(path: str, entries: Mapping[str, object]) -> None:
    """Fail where there are too many, or with the first key or value that is a text which cannot be kept."""
    check_count(path, entries)
    for key, value in entries.items():
        each_text(f"{path}.", [(key[:_NAMED] or "(key)", key)])
        if isinstance(value, str):
            each_text(f"{path}.", [(key[:_NAMED], value)])


def check_count(path: str, entries: Mapping[str, object]) -> None:
    """No more entries than any cloud gives."""
    if len(entries) > MAX_TAGS:
        fail(path, f"{len(entries)} of them", f"at most {MAX_TAGS} of one record")


def check_key(path: str, parts: Sequence[str]) -> None:
    """What identifies something fits into an index."""
    size = size_of(parts)
    if size > MAX_KEY:
        shown = f"{parts[-1][:_NAMED]}... ({size} bytes of key)"
        fail(path, shown, f"at most {MAX_KEY} bytes together with its key")


def check_size(path: str, texts: Sequence[str]) -> None:
    """All texts of a record together."""
    if 4 * sum(map(len, texts)) > MAX_RECORD and (size := size_of(texts)) > MAX_RECORD:
        fail(path, f"{size} bytes of text", f"at most {MAX_RECORD} bytes in one record")


def size_of(texts: Iterable[str]) -> int:
    """Bytes in UTF-8."""
    together = "".join(texts)
    return len(together) if together.isascii() else len(together.encode("utf-8", "surrogatepass"))
