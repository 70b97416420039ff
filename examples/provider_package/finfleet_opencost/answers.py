"""What OpenCost answers: an envelope with sets of items by name; an item that cannot be read is its own fault."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from telemetry.errors import CollectionFailed, Unavailable
from telemetry.target import Window

_OK = 200


class _Answer(msgspec.Struct):
    code: int = _OK
    message: str = ""
    #: /allocation: a list, a set for each step; /assets: a list, or one set.
    data: list[dict[str, msgspec.Raw] | None] | dict[str, msgspec.Raw] | None = None


@dataclass
class Item:
    """An allocation or an asset."""

    #: OpenCost's own name of it: ``cluster-one/shop/web-6d4b75cb6d-hx7qp``.
    name: str
    start: datetime
    end: datetime
    fields: Mapping[str, Any]
    #: Fields that are there, and are not what they should be.
    broken: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """How long it ran in the window."""
        return int((self.end - self.start).total_seconds())

    def number(self, name: str) -> float | None:
        """A number; None where it is absent or null, which is what OpenCost makes of NaN."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.broken.append(name)
            return None
        return float(value)

    def amount(self, name: str) -> Decimal | None:
        """A number as money: the digits that OpenCost wrote."""
        value = self.number(name)
        return None if value is None else Decimal(str(value))

    def text(self, name: str) -> str:
        """A text; empty where there is none."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> dict[str, str]:
        """An object of texts, without what in it is none."""
        value = self.fields.get(name)
        found = value if isinstance(value, dict) else {}
        return {key: text for key, text in found.items() if isinstance(text, str)}


@dataclass
class Reader:
    """Reads the items of one answer, each apart."""

    window: Window
    #: Items that are left out, by why.
    left_out: dict[str, int] = field(default_factory=dict)

    def items(self, body: bytes) -> Iterator[Item]:
        """Those that can be read; CollectionFailed, or Unavailable, where the answer as a whole cannot."""
        for name, raw in _named(_decoded(body)):
            item = self._item(name, raw)
            if isinstance(item, str):
                self.left_out[item] = self.left_out.get(item, 0) + 1
            else:
                yield item

    def _item(self, name: str, raw: msgspec.Raw) -> Item | str:
        """The item, or why it is left out."""
        try:
            fields = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return "cannot be read"
        if not isinstance(fields, dict) or not name:
            return "is no object with a name"
        start, end = _moment(fields.get("start")), _moment(fields.get("end"))
        if start is None or end is None:
            return "does not say when it began and ended"
        if not self.window.start <= start <= end <= self.window.end:
            return "is of another time than was asked for"
        return Item(name, start, end, fields) if start < end else "ran for no time"


def _decoded(body: bytes) -> _Answer:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.ValidationError as error:
        raise CollectionFailed(f"the answer is not OpenCost's: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unavailable(f"the answer is no JSON: {error}") from None
    if answer.code != _OK:
        raise Unavailable(f"the answer says {answer.code}: {answer.message[:300]}")
    return answer


def _named(answer: _Answer) -> Iterator[tuple[str, msgspec.Raw]]:
    sets = answer.data if isinstance(answer.data, list) else [answer.data]
    for one in sets:
        yield from (one or {}).items()


def _moment(value: Any) -> datetime | None:
    """A time of RFC 3339, to the second; None where it is none."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC).replace(microsecond=0)
