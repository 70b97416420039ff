"""Messages to bytes and back. The form, and what protects the reader, are in ``telemetry/wire.py``.

Records are msgpack arrays and points are columns (measured at 45 bytes a record and 0.8 of what Postgres can take in,
docs/adr/0003-results-queue.md).
"""

from __future__ import annotations

import msgspec
import zstandard

from telemetry.batch import Message
from telemetry.checks import check
from telemetry.describing import describe
from telemetry.errors import InvalidRecord
from telemetry.limits import MAX_BODY
from telemetry.wire import MAGIC, READABLE, SCHEMA, read
from telemetry.wording import written

__all__ = ["MAGIC", "MAX_BODY", "READABLE", "SCHEMA", "decode", "describe", "encode"]

_encoder = msgspec.msgpack.Encoder(decimal_format="string")


def encode(message: Message) -> bytes:
    """A message as bytes; the same message gives the same bytes. InvalidRecord where it could not be taken in."""
    check(message)
    try:
        packed = _encoder.encode(message)
    except UnicodeEncodeError as error:
        # Not looked for in check(): Python has such a text of a file's name, and JSON of an escape, but seldom.
        text, place = error.object[:40], error.start
    else:
        if len(packed) > MAX_BODY:
            raise InvalidRecord("message", f"{len(packed)} bytes", f"at most {MAX_BODY} bytes; split it")
        # One compressor per call: they are cheap, and not safe to share between threads.
        return MAGIC + bytes([SCHEMA]) + zstandard.ZstdCompressor(level=3).compress(packed)
    raise InvalidRecord("message", written(text), f"text that UTF-8 has, not half a character at {place}")


def decode(data: bytes) -> Message:
    """The message in ``data``; MalformedMessage, UnknownSchema or InvalidRecord say what is wrong with it.

    Nothing else is raised, whatever the bytes: what goes wrong while a message is read is that message's own.
    """
    message = read(data)
    check(message)
    return message
