"""Where a message came from, by its beginning: the queue, the source, or the target. For a listing of dead letters."""

from __future__ import annotations

import re

import msgspec

from telemetry import undeliverable
from telemetry.errors import MessageError
from telemetry.wire import MAGIC, read

BEGINNING = 64 * 1024
"""Bytes of a message that are looked at."""
_SOURCE = re.compile(rb'"source"\s*:\s*("(?:[^"\\]|\\.){1,256}")')
_ARRAY_OF_FOUR = 0x94
_SHORT_TEXTS, _LONG_TEXT = range(0xA0, 0xC0), 0xD9


def origin(beginning: bytes, size: int) -> str:
    """``push.shop``, ``source shop`` or ``aws/prod/us-east-1/ec2``; empty where it does not say.

    Args:
        beginning: the first BEGINNING bytes of it.
        size: bytes of the whole.
    """
    if undeliverable.is_wrapped(beginning):
        return _queue(beginning[len(undeliverable.MAGIC) :])
    if beginning[: len(MAGIC)] == MAGIC:
        return _target(beginning) if size <= len(beginning) else ""
    found = _SOURCE.search(beginning) if beginning[:64].lstrip()[:1] == b"{" else None
    return f"source {_decoded(found[1])}" if found else ""


def _queue(packed: bytes) -> str:
    """The first field of what is wrapped: the rest of it may be megabytes."""
    if len(packed) < 3 or packed[0] != _ARRAY_OF_FOUR:  # noqa: PLR2004 - an array, and the length of a text
        return ""
    if packed[1] in _SHORT_TEXTS:
        begin, length = 2, packed[1] - _SHORT_TEXTS.start
    elif packed[1] == _LONG_TEXT:
        begin, length = 3, packed[2]
    else:
        return ""
    return packed[begin : begin + length].decode("utf-8", "backslashreplace")


def _target(data: bytes) -> str:
    try:
        return str(read(data).run.target)
    except MessageError:
        return ""


def _decoded(text: bytes) -> str:
    try:
        return str(msgspec.json.decode(text))
    except (msgspec.DecodeError, ValueError):
        return text.decode("utf-8", "backslashreplace")
