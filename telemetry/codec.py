"""Messages to bytes and back. The form, and what protects the reader, are in ``telemetry/wire.py``.

Records are msgpack arrays, and points are columns of numbers in one piece each (docs/adr/0003-results-queue.md).
"""

from __future__ import annotations

import msgspec
import zstandard

from telemetry import packed
from telemetry.batch import Message, Points, Report
from telemetry.checks import check
from telemetry.describing import describe
from telemetry.errors import InvalidRecord
from telemetry.limits import MAX_BODY
from telemetry.wire import MAGIC, READABLE, SCHEMA, read
from telemetry.wording import written

__all__ = ["MAGIC", "MAX_BODY", "READABLE", "SCHEMA", "decode", "describe", "encode"]

_encoder = msgspec.msgpack.Encoder(decimal_format="string", enc_hook=packed.to_bytes)


def encode(message: Message) -> bytes:
    """A message as bytes; the same message gives the same bytes. InvalidRecord where it could not be taken in."""
    check(message)
    try:
        body = _encoder.encode(_packed(message))
    except UnicodeEncodeError as error:
        # Not looked for in check(): Python has such a text of a file's name, and JSON of an escape, but seldom.
        text, place = error.object[:40], error.start
    else:
        if len(body) > MAX_BODY:
            raise InvalidRecord("message", f"{len(body)} bytes", f"at most {MAX_BODY} bytes; split it")
        # One compressor per call: they are cheap, and not safe to share between threads.
        return MAGIC + bytes([SCHEMA]) + zstandard.ZstdCompressor(level=3).compress(body)
    raise InvalidRecord("message", written(text), f"text that UTF-8 has, not half a character at {place}")


def _packed(message: Message) -> Message:
    """With its points as they travel, whoever made them."""
    if isinstance(message, Report):
        return message
    points = message.points
    columns = (
        packed.column(packed.INDEX, points.series),
        packed.column(packed.SECONDS, points.start),
        packed.column(packed.VALUE, points.value),
    )
    return msgspec.structs.replace(message, points=Points(*columns))


def decode(data: bytes) -> Message:
    """The message in ``data``; MalformedMessage, UnknownSchema or InvalidRecord say what is wrong with it.

    Nothing else is raised, whatever the bytes: what goes wrong while a message is read is that message's own.
    """
    message = read(data)
    check(message)
    return message
