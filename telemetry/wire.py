"""Bytes to messages, under limits that are checked before they cost.

Form: ``FF``, one byte of schema version, then msgpack compressed by zstd. The version stands outside of the
compressed part, so that a reader can name a version that it does not know.

What protects the reader: the size that the body unpacks to comes from its header. Of up to a MiB the records are made
all at once. Of more, only an outline is read, in which the columns stay bytes (msgspec walks over them and builds
nothing); their heads say how many records they hold, and only then records are made (telemetry/wire_columns.py).
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import zstandard
from msgspec import Raw

from telemetry import packed
from telemetry import wire_columns as columns
from telemetry.batch import Batch, Message, Outcome, Points, Report, Run, Series
from telemetry.errors import MalformedMessage, MessageError, UnknownSchema
from telemetry.faults import fail
from telemetry.limits import MAX_BODY, MAX_LISTED, MAX_RECORDS
from telemetry.records import Resource
from telemetry.wording import written

MAGIC = b"FF"
SCHEMA = 3
"""Raised with every change that an older reader would misread.

2 brought lines of costs, which it would leave out, and 3 points as numbers in one piece, deliveries of
bills, and recommendations.
"""
READABLE = frozenset({1, 2, 3})
HEADER = len(MAGIC) + 1
_SHOWN = 500
_NONE = Raw(b"\x90")


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
    if len(body) <= columns.AT_ONCE:
        try:
            found = _short.decode(body)
            return _report(found) if isinstance(found, _Report) else _short_batch(found)
        except Exception:  # noqa: BLE001, S110 - said in words below, with its field
            pass
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
    deliveries: Raw = _NONE
    recommendations: Raw = _NONE


class _Numbers(msgspec.Struct, array_like=True, gc=False):
    series: bytes | list[int]
    start: bytes | list[int]
    value: bytes | list[float]


class _Short(msgspec.Struct, array_like=True, tag="batch", gc=False):
    """A Batch but for its amounts, whose texts are looked at, and the form of its numbers."""

    run: Run
    number: int
    final: bool
    collected_at: datetime
    resources: list[Resource]
    series: list[Series]
    points: _Numbers
    rates: Raw
    costs: Raw = _NONE
    partial: tuple[str, ...] = ()
    deliveries: Raw = _NONE
    recommendations: Raw = _NONE


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


_outline: msgspec.msgpack.Decoder[_Batch | _Report] = msgspec.msgpack.Decoder(_Batch | _Report)
_short: msgspec.msgpack.Decoder[_Short | _Report] = msgspec.msgpack.Decoder(_Short | _Report)


def _short_batch(found: _Short) -> Batch:
    """Of few bytes: all but the amounts has been made already, and what it holds is counted by telemetry/checks.py."""
    points = found.points
    return Batch(
        found.run,
        found.number,
        found.final,
        found.collected_at,
        found.resources,
        found.series,
        Points(
            columns.indexes.unpack(points.series),
            columns.starts.unpack(points.start),
            columns.values.unpack(points.value),
        ),
        columns.rates.read(found.rates, [0]),
        columns.costs.read(found.costs, [0]),
        found.partial,
        columns.deliveries.read(found.deliveries, [0]),
        columns.recommendations.read(found.recommendations, [0]),
    )


def _batch(outline: _Batch) -> Batch:
    points = outline.points
    numbers = {
        "series": columns.length(outline.series),
        "points.series": columns.length(points.series, packed.SIZES[packed.INDEX]),
        "points.start": columns.length(points.start, packed.SIZES[packed.SECONDS]),
        "points.value": columns.length(points.value, packed.SIZES[packed.VALUE]),
    }
    listed = (outline.resources, outline.rates, outline.costs, outline.deliveries, outline.recommendations)
    records = sum(map(columns.length, listed)) + numbers["points.series"]
    if records > MAX_RECORDS:
        fail("records", records, f"at most {MAX_RECORDS} in one message")
    if (count := columns.length(outline.partial)) > MAX_LISTED:
        fail("partial", f"{count} of them", f"at most {MAX_LISTED} in one batch")
    for name, count in numbers.items():
        if count > MAX_RECORDS:
            fail(name, f"{count} of them", f"at most {MAX_RECORDS} in one message")
    entries = [0]
    return Batch(
        outline.run,
        outline.number,
        outline.final,
        outline.collected_at,
        columns.resources.read(outline.resources, entries),
        columns.series.read(outline.series, entries),
        Points(
            columns.indexes.read(points.series),
            columns.starts.read(points.start),
            columns.values.read(points.value),
        ),
        columns.rates.read(outline.rates, entries),
        columns.costs.read(outline.costs, entries),
        tuple(columns.reasons.read(outline.partial, [0])),
        columns.deliveries.read(outline.deliveries, entries),
        columns.recommendations.read(outline.recommendations, entries),
    )


def _report(outline: _Report) -> Report:
    for name, raw in (("apis", outline.apis), ("partial", outline.partial)):
        if (count := columns.length(raw)) > MAX_LISTED:
            fail(name, f"{count} of them", f"at most {MAX_LISTED} in one report")
    return Report(
        outline.run,
        outline.outcome,
        outline.batches,
        outline.records,
        outline.finished_at,
        columns.apis.read(outline.apis, [0]),
        outline.unknown_prices,
        outline.error,
        outline.permission,
        outline.not_before,
        tuple(columns.reasons.read(outline.partial, [0])),
    )
