"""Any bytes for a person: as much of a message as can be read, and never more than a person can look at.

The result is plain (texts, numbers, lists, objects) and can always be written as JSON. Work, memory and result are
bounded whatever the bytes: large bodies are shown by their beginning, and values are counted as they are taken.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from telemetry import undeliverable
from telemetry.errors import MessageError
from telemetry.redact import hide_grants
from telemetry.target import format_time
from telemetry.wire import HEADER, MAGIC, decompress, read

_MAX_JSON = 1024 * 1024
"""Bytes of JSON that are read; of more, the beginning is shown."""
_MAX_PLAIN = 256 * 1024
"""Bytes of msgpack of an unknown form that are read: each can become 60 bytes of memory."""
_MAX_VALUES = 20_000
_MAX_CHARACTERS = 400_000
_MAX_DEPTH = 30
_MAX_TEXT = 2000
_BEGINNING = 200
_MAX_INT = 2**63


def describe(data: bytes) -> object:
    """As much of ``data`` as can be read, for a person: structure without names where it is not a message of ours."""
    try:
        if undeliverable.is_wrapped(data):
            return _wrapped(data)
        return _message(data)
    except Exception as error:  # noqa: BLE001 - whatever the bytes are, a person sees something of them
        return {**_beginning(data), "unreadable": _text(f"{type(error).__name__}: {error}"[:_MAX_TEXT])}


def _wrapped(data: bytes) -> object:
    """What a Celery worker could not use: its queue, the reason, and the body, which is not unwrapped again."""
    try:
        found = undeliverable.unwrap(data)
    except MessageError as error:
        return {"wrapped": _text(str(error)), "begins": data[:40].hex(" "), "bytes": len(data)}
    texts = {name: _text(getattr(found, name)) for name in ("queue", "code", "reason")}
    body = _beginning(found.body) if undeliverable.is_wrapped(found.body) else _message(found.body)
    return {"undeliverable": {**texts, "bytes": len(found.body), "body": body}}


def _message(data: bytes) -> object:
    if data[:64].lstrip()[:1] in {b"{", b"["} and len(data) <= _MAX_JSON:
        try:
            return {"pushed": _Shown().show(msgspec.json.decode(data))}
        except (msgspec.DecodeError, ValueError, RecursionError):
            return _beginning(data)
    if data[: len(MAGIC)] != MAGIC or len(data) < HEADER:
        return _beginning(data)
    schema: int = data[len(MAGIC)]
    try:
        body = decompress(data)
    except MessageError as error:
        return {"schema": schema, "unreadable": _text(str(error)), "begins": data[:40].hex(" ")}
    try:
        message = read(data)
    except MessageError:
        return {"schema": schema, "unnamed": _plain(body)}
    return {"schema": schema, "message": _Shown().show(message)}


def _beginning(data: bytes) -> dict[str, object]:
    text = hide_grants(data[:_BEGINNING].decode("utf-8", "backslashreplace"))
    return {"not a finfleet message": text, "bytes": len(data)}


def _plain(body: bytes) -> object:
    if len(body) > _MAX_PLAIN:
        return {"unreadable": f"{len(body)} bytes of another form", "begins": body[:40].hex(" ")}
    try:
        return _Shown().show(msgspec.msgpack.decode(body))
    except Exception as error:  # noqa: BLE001 - of any form at all
        return {"unreadable": _text(str(error)), "begins": body[:40].hex(" ")}


def _text(text: str) -> str:
    """What UTF-8 has, no longer than a person reads."""
    shown = hide_grants(text[:_MAX_TEXT].encode("utf-8", "backslashreplace").decode())
    return shown if len(text) <= _MAX_TEXT else f"{shown}... ({len(text)} characters)"


class _Shown:
    """Plain values of decoded ones, until there are too many."""

    def __init__(self) -> None:
        self._values = _MAX_VALUES
        self._characters = _MAX_CHARACTERS

    def show(self, value: Any, depth: int = 0) -> object:
        """Fields by name, which on the wire are known by their place alone; nan as a word, which JSON cannot say."""
        self._values -= 1
        if depth > _MAX_DEPTH:
            return "..."
        if isinstance(value, msgspec.Struct):
            return self._struct(value, depth)
        if isinstance(value, Mapping):
            return self._object(value.items(), len(value), depth)
        if isinstance(value, list | tuple | set | frozenset | array):
            return self._list(value, len(value), depth)
        return self._scalar(value)

    def _struct(self, value: msgspec.Struct, depth: int) -> object:
        tag = value.__struct_config__.tag
        fields = [(name, getattr(value, name)) for name in value.__struct_fields__]
        named = fields if tag is None else [("kind", tag), *fields]
        return {name: self.show(item, depth + 1) for name, item in named}

    def _object(self, items: Iterable[tuple[Any, Any]], count: int, depth: int) -> object:
        shown: dict[str, object] = {}
        for key, item in items:
            if self._is_full():
                shown["..."] = f"{count - len(shown)} more"
                break
            shown[str(self._scalar(key))] = self.show(item, depth + 1)
        return shown

    def _list(self, items: Iterable[Any], count: int, depth: int) -> object:
        shown: list[object] = []
        for item in items:
            if self._is_full():
                shown.append(f"... {count - len(shown)} more")
                break
            shown.append(self.show(item, depth + 1))
        return shown

    def _is_full(self) -> bool:
        return self._values <= 0 or self._characters <= 0

    def _scalar(self, value: Any) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            # msgspec writes 64 bits; Python refuses to write very many digits.
            return value if -_MAX_INT <= value < _MAX_INT else self._taken(_whole(value))
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        return self._taken(_words(value))

    def _taken(self, text: str) -> str:
        self._characters -= len(text)
        return text


def _whole(value: int) -> str:
    return str(value) if value.bit_length() <= 10_000 else f"a whole number of {value.bit_length()} bits"  # noqa: PLR2004 - well under 4,300 digits


def _words(value: Any) -> str:
    """Anything else as a text."""
    match value:
        case str():
            text = value
        case bytes() | bytearray():
            text = bytes(value[:_BEGINNING]).hex(" ") + (" ..." if len(value) > _BEGINNING else "")
        case msgspec.msgpack.Ext():
            text = f"msgpack extension {value.code}: {bytes(value.data)[:_BEGINNING].hex(' ')}"
        case datetime():
            text = format_time(value)
        case tuple() | frozenset():
            text = ", ".join(_words(item) for item in islice(value, 10))
        case _:
            text = str(value)
    return _text(text)
