"""Messages to bytes and back.

Form: ``FF``, one byte of schema version, then msgpack compressed by zstd. The version stands outside of the
compressed part, so that a reader can name a version that it does not know. Records are msgpack arrays and points are
columns (measured at 45 bytes a record and 0.8 of what Postgres can take in, docs/adr/0003-results-queue.md).
"""

from __future__ import annotations

import math
from contextlib import suppress

import msgspec
import zstandard

from telemetry.batch import Message
from telemetry.checks import check
from telemetry.errors import InvalidRecord, MalformedMessage, UnknownSchema

MAGIC = b"FF"
SCHEMA = 2
"""Raised with every change that an older reader would misread: 2 brought lines of costs, which it would leave out."""
READABLE = frozenset({1, 2})
MAX_BODY = 64 * 1024 * 1024
"""Bytes of msgpack that a message may unpack to: bounds the memory that a hostile one can take."""
_HEADER = len(MAGIC) + 1

_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """A message as bytes; the same message gives the same bytes. InvalidRecord where it could not be taken in."""
    check(message)
    try:
        packed = _encoder.encode(message)
    except UnicodeEncodeError as error:
        # Not looked for in check(): Python has such a text of a file's name, and JSON of an escape, but seldom.
        text, place = error.object[:40], error.start
    else:
        # One compressor per call: they are cheap, and not safe to share between threads.
        return MAGIC + bytes([SCHEMA]) + zstandard.ZstdCompressor(level=3).compress(packed)
    raise InvalidRecord("message", repr(text), f"text that UTF-8 has, not half a character at {place}")


def decode(data: bytes) -> Message:
    """The message in ``data``; MalformedMessage, UnknownSchema or InvalidRecord say what is wrong with it."""
    if data[: len(MAGIC)] != MAGIC or len(data) < _HEADER:
        raise MalformedMessage(f"not a finfleet message: it starts with {data[:8]!r} instead of {MAGIC!r}")
    schema = data[len(MAGIC)]
    if schema not in READABLE:
        raise UnknownSchema(f"schema version {schema}: this release reads up to {SCHEMA}; upgrade the consumer")
    try:
        message: Message = _decoder.decode(_decompress(data[_HEADER:]))
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        raise MalformedMessage(f"the body is not a message of schema {schema}: {error}") from None
    check(message)
    return message


def _decompress(body: bytes) -> bytes:
    try:
        size = zstandard.frame_content_size(body)
        if size > MAX_BODY:
            raise MalformedMessage(f"the body unpacks to {size} bytes: at most {MAX_BODY} are taken")
        # A frame that does not give its size is cut at max_output_size.
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BODY, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise MalformedMessage(f"the body cannot be decompressed, it may be truncated: {error}") from None


def describe(data: bytes) -> object:
    """As much of ``data`` as can be read, for a person: structure without names where it is not a message of ours."""
    if data[:64].lstrip()[:1] == b"{":
        with suppress(msgspec.DecodeError, RecursionError):
            return {"pushed": msgspec.json.decode(data)}
    if data[: len(MAGIC)] != MAGIC or len(data) < _HEADER:
        return {"not a finfleet message": data[:200].decode("utf-8", "backslashreplace"), "bytes": len(data)}
    schema: int = data[len(MAGIC)]
    try:
        body = _decompress(data[_HEADER:])
    except MalformedMessage as error:
        return {"schema": schema, "unreadable": str(error), "begins": data[:40].hex(" ")}
    try:
        message = msgspec.to_builtins(_named(_decoder.decode(body)), str_keys=True)
    except (msgspec.DecodeError, ValueError, OverflowError):
        return {"schema": schema, "unnamed": _plain(body)}
    return {"schema": schema, "message": message}


def _named(value: object) -> object:
    """Fields by name, which on the wire are known by their place alone; nan as a word, which JSON cannot say."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        fields = {name: _named(getattr(value, name)) for name in value.__struct_fields__}
        return fields if tag is None else {"kind": tag, **fields}
    if isinstance(value, list | tuple):
        return [_named(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _named(item) for key, item in value.items()}
    if isinstance(value, msgspec.msgpack.Ext):
        return {"msgpack extension": value.code, "data": bytes(value.data).hex(" ")}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _plain(body: bytes) -> object:
    try:
        return msgspec.to_builtins(_named(msgspec.msgpack.decode(body)), str_keys=True)
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        return {"unreadable": str(error), "begins": body[:40].hex(" ")}
