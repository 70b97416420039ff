"""What lies in a Redis list as kombu can read it, whatever it was.

A message of kombu's is a JSON object with a body in base64, headers and properties. kombu trusts all of it: it keeps
the message under the tag that the sender chose, puts it back onto the queue that the sender named, and unpacks a body
that says it is compressed. So each item is read here first, within limits, and written anew with a tag and a place of
ours. What cannot be read so is put whole into the body of a message of the type ``FOREIGN``, and goes the way of all
messages from there: it is noted as unacknowledged, and becomes a dead letter.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from typing import Any

import msgspec
from kombu.utils.json import loads

from tasks.foreign.errors import ForeignMessage, shown

FOREIGN = "application/vnd.finfleet.foreign"
"""Content type of a message whose body is an item that could not be read."""
COMPRESSION = "x-compression"
"""Header in which ``compression`` goes on: under its own name, kombu would unpack the body, whatever its size."""
LENGTH = "x-length"
"""Header of a FOREIGN message: bytes that the item had."""
MAX_ITEM = 12 * 1024 * 1024
"""Bytes: a body of 8 MiB in base64, and its headers."""
MAX_HEADERS = 64 * 1024
KEPT = 1024 * 1024
"""Bytes of an item that are kept, where it is a dead letter."""


class _Envelope(msgspec.Struct, rename="kebab"):
    properties: msgspec.Raw
    body: str
    headers: msgspec.Raw = msgspec.Raw(b"{}")
    content_type: str | None = None
    content_encoding: str | None = None


class _Properties(msgspec.Struct):
    body_encoding: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    priority: int | float | str | None = None


_envelope = msgspec.json.Decoder(_Envelope)
_properties = msgspec.json.Decoder(_Properties)


def rewrite(item: bytes, queue: str) -> bytes:
    """The message of kombu's for an item of ``queue``: JSON that kombu can read in any case."""
    try:
        message = read(item)
    except ForeignMessage:
        message = {
            "body": base64.b64encode(item[:KEPT]).decode(),
            "headers": {LENGTH: len(item)},
            "content-type": FOREIGN,
            "content-encoding": "binary",
            "properties": {"body_encoding": "base64", "priority": 0},
        }
    return write(message, queue)


def write(message: dict[str, Any], queue: str) -> bytes:
    """The JSON of a message that was found on ``queue``, with a tag and a place of ours."""
    message["properties"] |= {
        # Of the sender's choice, it could be that of another message, which would be lost then.
        "delivery_tag": str(uuid.uuid4()),
        "delivery_mode": 2,
        # Where it goes back to: kombu asks no exchange then, and so nobody else's bindings.
        "delivery_info": {"exchange": "", "routing_key": queue},
    }
    return msgspec.json.encode(message)


def read(item: bytes) -> dict[str, Any]:
    """Read an item of a list; ForeignMessage where it is no message of kombu's."""
    if len(item) > MAX_ITEM:
        raise ForeignMessage(f"the message has {len(item)} bytes: at most {MAX_ITEM} are taken", "too_large")
    try:
        envelope = _envelope.decode(item)
        properties = _properties.decode(envelope.properties)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ForeignMessage(f"not a message of Celery's: {shown(str(error))}") from None
    body, encoding = _body(envelope.body, properties.body_encoding)
    return {
        "body": body,
        "headers": _headers(bytes(envelope.headers)),
        "content-type": envelope.content_type,
        "content-encoding": envelope.content_encoding,
        "properties": {
            "body_encoding": encoding,
            "correlation_id": properties.correlation_id,
            "reply_to": properties.reply_to,
            "priority": _priority(properties.priority),
        },
    }


def _body(body: str, encoding: str | None) -> tuple[str, str | None]:
    if encoding is None or encoding.lower() == "utf-8":
        return body, None
    if encoding != "base64":
        raise ForeignMessage(f"body_encoding: {shown(encoding)}: only base64 and utf-8 are taken", "encoding")
    try:
        base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForeignMessage(f"the body is not base64: {error}", "encoding") from None
    return body, encoding


def _headers(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_HEADERS:
        raise ForeignMessage(f"headers: {len(raw)} bytes: at most {MAX_HEADERS} are taken", "headers")
    try:
        headers = loads(raw)
        # As kombu reads what is written here.
        loads(msgspec.json.encode(headers))
    except Exception as error:  # noqa: BLE001 - kombu's decoders raise whatever a value makes them raise
        raise ForeignMessage(f"headers: they cannot be read: {shown(str(error))}", "headers") from None
    if headers is None:
        return {}
    if not isinstance(headers, dict):
        raise ForeignMessage(f"headers: {shown(headers)}: not an object", "headers")
    if "compression" in headers:
        headers[COMPRESSION] = shown(headers.pop("compression"))
    return headers


def _priority(value: object) -> int:
    """The list that it goes back to; the sender's where that is one."""
    return value if isinstance(value, int) and 0 <= value <= 9 else 0  # noqa: PLR2004 - kombu's own steps
