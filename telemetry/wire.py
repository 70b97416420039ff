"""Bytes to messages, under limits that are checked before they cost.

Form: ``FF``, one byte of schema version, then msgpack compressed by zstd. The version stands outside of the
compressed part, so that a reader can name a version that it does not know.

What protects the reader: the size that the body unpacks to comes from its header. Then only an outline is read, in
which the columns stay bytes (msgspec walks over them and builds nothing); their arrays say how many records they hold.
Only then records are made, one by one where there are many bytes of them. One byte of msgpack can become 45 bytes of
memory, so a column of up to a MiB is harmless, and what is larger must stay within the limits of telemetry/limits.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec
import zstandard
from msgspec import Raw

from telemetry import amounts
from telemetry.batch import ApiUse, Batch, Message, Outcome, Points, Rate, Report, Run, Series
from telemetry.costs import NUMBERS, CostLine
from telemetry.errors import MalformedMessage, MessageError, UnknownSchema
from telemetry.faults import fail
from telemetry.limits import MAX_BODY, MAX_ENTRIES, MAX_LISTED, MAX_RECORD, MAX_RECORDS
from telemetry.records import Resource
from telemetry.wording import written

MAGIC = b"FF"
SCHEMA = 2
"""Raised with every change that an older reader would misread: 2 brought lines of costs, which it would leave out."""
READABLE = frozenset({1, 2})
HEADER = len(MAGIC) + 1
_AT_ONCE = 1024 * 1024
"""Bytes of a column whose records are made all at once."""
_RECORD = MAX_RECORD + 64 * 1024
"""Bytes of a record with what msgpack adds to its texts."""
_SHOWN = 500
_NONE = Raw(b"\x90")

T = TypeVar("T")


def _not_ours(data: bytes) -> str:
    if not data:
        return "not a finfleet message: it is empty"
    return (
        f"not a finfleet message: it begins with {written(bytes(data[:32]))}; what is pushed is a JSON object: {{...}}"
    )


def decompress(data: bytes) -> bytes:
    """The msgpack in a body; MalformedMessage or UnknownSchema where it is none of ours, or too large."""
    if data[: len(MAGIC)] != MAGIC or len(data) < HEADER:
        raise MalformedMessage(_not_ours(data))
    schema = data[len(MAGIC)]
    if schema not in READABLE:
        raise UnknownSchema(f"schema version {schema}: this release reads up to {SCHEMA}; upgrade the consumer")
    body = data[HEADER:]
    try:
        frame = zstandard.get_frame_parameters(body)
        size = zstandard.frame_content_size(body)
        if size > MAX_BODY:
            raise MalformedMessage(f"the body unpacks to {size} bytes: at most {MAX_BODY} are taken")
        if frame.window_size > MAX_BODY:
            raise MalformedMessage(f"the body needs a window of {frame.window_size} bytes: at most {MAX_BODY}")
        # A frame that does not give its size is cut at max_output_size.
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BODY, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise MalformedMessage(f"the body cannot be decompressed, it may be truncated: {error}") from None


def read(data: bytes) -> Message:
    """The message in ``data``, whose records are not checked yet; MessageError and its kinds say what is wrong."""
    body = decompress(data)
    try:
        outline = _outline.decode(body)
        return _report(outline) if isinstance(outline, _Report) else _batch(outline)
    except MessageError:
        raise
    except Exception as error:  # noqa: BLE001 - RecursionError, UnicodeDecodeError, what a decoder has: of this message
        said = str(error)[:_SHOWN]
    raise MalformedMessage(f"the body is not a message of schema {data[len(MAGIC)]}: {said}")


class _Points(msgspec.Struct, array_like=True, gc=False):
    series: Raw
    start: Raw
    value: Raw


class _Batch(msgspec.Struct, array_like=True, tag="batch", gc=False):
    """A Batch whose columns are still bytes."""

    run: Run
    number: int
    final: bool
    collected_at: datetime
    resources: Raw
    series: Raw
    points: _Points
    rates: Raw
    costs: Raw = _NONE
    partial: Raw = _NONE


class _Report(msgspec.Struct, array_like=True, tag="report", gc=False):
    """A Report whose lists are still bytes."""

    run: Run
    outcome: Outcome
    batches: int
    records: int
    finished_at: datetime
    apis: Raw
    unknown_prices: int = 0
    error: str = ""
    permission: str = ""
    not_before: datetime | None = None
    partial: Raw = _NONE


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


def _cost_text() -> type[Any]:
    """The like of a CostLine: amounts as they are written, and everything else passed over."""
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    for field in msgspec.structs.fields(CostLine):
        if field.name in NUMBERS:
            fields.append((field.name, _Text, None))
        elif field.name == "amounts":
            fields.append((field.name, dict[str, _Text], msgspec.field(default_factory=dict)))
        else:
            fields.append((field.name, Raw, _NOTHING))
    return msgspec.defstruct("_CostText", fields, array_like=True, gc=False, namespace={"texts": _texts_of_line})


_numbers_of_line = attrgetter(*NUMBERS)


def _texts_of_line(line: Any) -> Iterable[_Text]:
    of_names = line.amounts.values() if line.amounts else ()
    return (*_numbers_of_line(line), *of_names)


class _Column(Generic[T]):
    """Reads one column of records."""

    def __init__(self, name: str, kind: type[T], text: type[Any] | None = None) -> None:
        self._name = name
        self._all = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]  # a class, as a value
        self._one = msgspec.msgpack.Decoder(kind)
        self._all_texts = None if text is None else msgspec.msgpack.Decoder(list[text])  # type: ignore[valid-type]
        self._one_text = None if text is None else msgspec.msgpack.Decoder(text)

    def read(self, raw: Raw, entries: list[int]) -> list[T]:
        """The records; ``entries`` counts the tags and the like of the whole message."""
        if len(memoryview(raw)) > _AT_ONCE:
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
        entries[0] += sum(len(getattr(record, name, ())) for name in ("tags", "attributes", "amounts"))
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


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_outline: msgspec.msgpack.Decoder[_Batch | _Report] = msgspec.msgpack.Decoder(_Batch | _Report)
_raws = msgspec.msgpack.Decoder(list[Raw])
_resources = _Column("resources", Resource)
_series = _Column("series", Series)
_rates = _Column("rates", Rate, _RateText)
_costs = _Column("costs", CostLine, _cost_text())
_apis = _Column("apis", ApiUse, _UseText)
_indexes = _Column("points.series", int)
_starts = _Column("points.start", int)
_values = _Column("points.value", float)
_reasons = _Column("partial", str)


def _batch(outline: _Batch) -> Batch:
    points = outline.points
    counts = [_length(raw) for raw in (outline.resources, points.series, outline.rates, outline.costs)]
    if sum(counts) > MAX_RECORDS:
        fail("records", sum(counts), f"at most {MAX_RECORDS} in one message")
    if (count := _length(outline.partial)) > MAX_LISTED:
        fail("partial", f"{count} of them", f"at most {MAX_LISTED} in one batch")
    for name, raw in (("series", outline.series), ("points.start", points.start), ("points.value", points.value)):
        if (count := _length(raw)) > MAX_RECORDS:
            fail(name, f"{count} of them", f"at most {MAX_RECORDS} in one message")
    entries = [0]
    return Batch(
        outline.run,
        outline.number,
        outline.final,
        outline.collected_at,
        _resources.read(outline.resources, entries),
        _series.read(outline.series, entries),
        Points(
            _indexes.read(points.series, entries),
            _starts.read(points.start, entries),
            _values.read(points.value, entries),
        ),
        _rates.read(outline.rates, entries),
        _costs.read(outline.costs, entries),
        tuple(_reasons.read(outline.partial, [0])),
    )


def _report(outline: _Report) -> Report:
    for name, raw in (("apis", outline.apis), ("partial", outline.partial)):
        if (count := _length(raw)) > MAX_LISTED:
            fail(name, f"{count} of them", f"at most {MAX_LISTED} in one report")
    return Report(
        outline.run,
        outline.outcome,
        outline.batches,
        outline.records,
        outline.finished_at,
        _apis.read(outline.apis, [0]),
        outline.unknown_prices,
        outline.error,
        outline.permission,
        outline.not_before,
        tuple(_reasons.read(outline.partial, [0])),
    )


def _length(raw: Raw) -> int:
    """How many items an array says it has; 0 of what is none, which decoding refuses."""
    head = bytes(memoryview(raw)[:5])
    if head[0] & 0xF0 == 0x90:  # noqa: PLR2004 - the first bytes of msgpack's arrays
        return head[0] & 0x0F
    if head[0] in {0xDC, 0xDD}:
        return int.from_bytes(head[1 : 3 if head[0] == 0xDC else 5], "big")  # noqa: PLR2004
    return 0
