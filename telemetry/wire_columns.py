"""Reads single columns of a message: records all at once where they are few bytes, and one by one where they are many.

One byte of msgpack can become 45 bytes of memory, so a column of up to a MiB is harmless, and what is larger must stay
within the limits of telemetry/limits.py, record by record. Points are numbers in one piece, or lists of older releases.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from telemetry import amounts, packed
from telemetry.batch import ApiUse, Rate, Series
from telemetry.costs import NUMBERS, CostLine
from telemetry.deliveries import Delivery
from telemetry.faults import fail
from telemetry.limits import MAX_ENTRIES, MAX_RECORD
from telemetry.recommendations import AMOUNTS, Recommendation
from telemetry.records import Resource

AT_ONCE = 1024 * 1024
"""Bytes whose records are made all at once."""
_RECORD = MAX_RECORD + 64 * 1024
"""Bytes of a record with what msgpack adds to its texts."""
_SHOWN = 500
# The first bytes of msgpack: of an array of few items, of more, and of bytes.
_FEW, _ARRAYS, _BYTES = 0x90, {0xDC: 3, 0xDD: 5}, {0xC4: 2, 0xC5: 3, 0xC6: 5}

T = TypeVar("T")


_Text = str | int | float | None


class _RateText(msgspec.Struct, array_like=True, gc=False):
    """A Rate's amount as it is written; what stands before it is passed over."""

    resource: Raw
    start: Raw
    period: Raw
    amount: _Text

    def texts(self) -> Iterable[_Text]:
        return (self.amount,)


class _UseText(msgspec.Struct, array_like=True, gc=False):
    """An ApiUse's."""

    api: Raw
    calls: Raw
    throttles: Raw
    cost_usd: _Text

    def texts(self) -> Iterable[_Text]:
        return (self.cost_usd,)


_NOTHING = Raw(b"\xc0")


class _DeliveryText(msgspec.Struct, array_like=True, gc=False):
    """A Delivery's totals as they are written."""

    state: Raw
    period_start: Raw
    period_end: Raw
    version: Raw = _NOTHING
    submitted_at: Raw = _NOTHING
    files: Raw = _NOTHING
    rows_read: Raw = _NOTHING
    bytes_read: Raw = _NOTHING
    totals: dict[str, _Text] = {}

    def texts(self) -> Iterable[_Text]:
        return self.totals.values()


def _text_of(kind: type[Any], numbers: Sequence[str], texts: Callable[[Any], Iterable[_Text]]) -> type[Any]:
    """The like of a record: amounts as they are written, and everything else passed over."""
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    for field in msgspec.structs.fields(kind):
        if field.name in numbers:
            fields.append((field.name, _Text, None))
        elif field.name == "amounts":
            fields.append((field.name, dict[str, _Text], msgspec.field(default_factory=dict)))
        else:
            fields.append((field.name, Raw, _NOTHING))
    return msgspec.defstruct(f"_{kind.__name__}Text", fields, array_like=True, gc=False, namespace={"texts": texts})


_numbers_of_line = attrgetter(*NUMBERS)


def _texts_of_line(line: Any) -> Iterable[_Text]:
    of_names = line.amounts.values() if line.amounts else ()
    return (*_numbers_of_line(line), *of_names)


_amounts_of_recommendation = attrgetter(*AMOUNTS)


def _texts_of_recommendation(one: Any) -> Iterable[_Text]:
    found: tuple[_Text, ...] = _amounts_of_recommendation(one)
    return found


class Column(Generic[T]):
    """Reads one column of records."""

    def __init__(self, name: str, kind: type[T], text: type[Any] | None = None) -> None:
        self._name = name
        self._all = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]  # a class, as a value
        self._one = msgspec.msgpack.Decoder(kind)
        self._all_texts = None if text is None else msgspec.msgpack.Decoder(list[text])  # type: ignore[valid-type]
        self._one_text = None if text is None else msgspec.msgpack.Decoder(text)

    def read(self, raw: Raw, entries: list[int]) -> list[T]:
        """The records; ``entries`` counts the tags and the like of the whole message."""
        if len(memoryview(raw)) > AT_ONCE:
            return [self._read_one(index, one, entries) for index, one in enumerate(_raws.decode(raw))]
        found: list[T] = _named(self._name, self._all.decode, raw)
        # What our own encoder writes back the same has its amounts in digits; of other writers they are looked at.
        if self._all_texts is not None and _encode(found) != memoryview(raw):
            texts = _named(self._name, self._all_texts.decode, raw)
            if not _are_plain(texts):
                for index, one in enumerate(texts):
                    _check_texts(f"{self._name}[{index}]", one)
        return found

    def _read_one(self, index: int, raw: Raw, entries: list[int]) -> T:
        path = f"{self._name}[{index}]"
        size = len(memoryview(raw))
        if size > _RECORD:
            fail(path, f"{size} bytes", f"at most {MAX_RECORD} bytes in one record")
        record: T = _named(path, self._one.decode, raw)
        if self._one_text is not None:
            _check_texts(path, _named(path, self._one_text.decode, raw))
        entries[0] += sum(
            len(getattr(record, name, ())) for name in ("tags", "attributes", "amounts", "details", "files")
        )
        if entries[0] > MAX_ENTRIES:
            fail(path, f"{entries[0]} tags and attributes", f"at most {MAX_ENTRIES} in one message")
        return record


def _named(path: str, decode: Callable[[Raw], Any], raw: Raw) -> Any:
    """What is read of ``raw``; where it is not of the form, the error says where in the message that is."""
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        said = str(error)[:_SHOWN].replace("`$", f"`{path}")
        raise msgspec.ValidationError(said if path in said else f"{said} - at `{path}`") from None


def _are_plain(records: Iterable[Any]) -> bool:
    return amounts.are_plain([text for one in records for text in one.texts() if isinstance(text, str)])


def _check_texts(path: str, record: Any) -> None:
    """Fail with the first amount that is not written in digits."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        named = value.items() if isinstance(value, dict) else [(name, value)]
        for key, text in named:
            if isinstance(text, str) and not amounts.are_plain([text]):
                fail(f"{path}.{key[:40]}", text, amounts.REMEDY)


class Numbers(Generic[T]):
    """Reads one column of points."""

    def __init__(self, name: str, code: str, kind: type[T]) -> None:
        self._name = name
        self._code = code
        self._list = Column(name, kind)
        self._bytes = msgspec.msgpack.Decoder(bytes)

    def read(self, raw: Raw) -> list[T] | array[Any]:
        """The numbers, as they came."""
        if memoryview(raw)[0] in _BYTES:
            return self.unpack(_named(self._name, self._bytes.decode, raw))
        return self._list.read(raw, [0])

    def unpack(self, numbers: bytes | list[T]) -> list[T] | array[Any]:
        """An array of bytes; a list as it is."""
        if isinstance(numbers, list):
            return numbers
        size = packed.SIZES[self._code]
        if len(numbers) % size:
            fail(self._name, f"{len(numbers)} bytes", f"a multiple of {size}: so many has each number")
        return packed.from_bytes(self._code, numbers)


def length(raw: Raw, size: int = 0) -> int:
    """How many items an array says it has, or bytes have that are ``size`` for each; 0 of what is neither."""
    head = bytes(memoryview(raw)[:5])
    if head[0] & 0xF0 == _FEW:
        return head[0] & 0x0F
    if head[0] in _ARRAYS:
        return int.from_bytes(head[1 : _ARRAYS[head[0]]], "big")
    if size and head[0] in _BYTES:
        return int.from_bytes(head[1 : _BYTES[head[0]]], "big") // size
    return 0


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_raws = msgspec.msgpack.Decoder(list[Raw])
resources = Column("resources", Resource)
series = Column("series", Series)
rates = Column("rates", Rate, _RateText)
costs = Column("costs", CostLine, _text_of(CostLine, NUMBERS, _texts_of_line))
deliveries = Column("deliveries", Delivery, _DeliveryText)
recommendations = Column("recommendations", Recommendation, _text_of(Recommendation, AMOUNTS, _texts_of_recommendation))
apis = Column("apis", ApiUse, _UseText)
reasons = Column("partial", str)
indexes = Numbers("points.series", packed.INDEX, int)
starts = Numbers("points.start", packed.SECONDS, int)
values = Numbers("points.value", packed.VALUE, float)
