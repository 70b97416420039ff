"""The three forms of a log line. Each is one event, whatever is logged: secrets masked, and its length bounded."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telemetry.logs.fields import fields_of, words
from telemetry.logs.values import Plain, is_odd, plain, text
from telemetry.redact import redact
from telemetry.text import json_within, safe_json, shown

MAX_LINE = 16_000
"""Bytes of a line: what reads containers' logs cuts longer ones in two (Docker: 16 KiB), and no half is JSON."""
_LIMITS = ((4000, 8000, 500), (1000, 2000, 200), (200, 300, 60))
"""Characters of the message, of the traceback and of a field; the next ones where the line is too long all the same."""
_TOLD = frozenset({"event", "provider", "service", "task", "trace"})
"""What the message, or another field, tells a person already."""
_IN_NAMES = re.compile(r"[\w.]")
_BARE = re.compile(r"[!#-<>-\[\]-~]+")
"""A value that logfmt needs no quotes for: printable ASCII without a space, quote, equals sign or backslash."""


@dataclass(frozen=True)
class Entry:
    """One event, nothing of it longer than it may be."""

    time: str
    level: str
    logger: str
    message: str
    fields: Mapping[str, Plain]
    traceback: str

    @property
    def named(self) -> dict[str, Plain]:
        """All of it by name, as JSON and logfmt have it."""
        head: dict[str, Plain] = {
            "time": self.time,
            "level": self.level,
            "logger": self.logger,
            "message": self.message,
        }
        return {**head, **self.fields, **({"traceback": self.traceback} if self.traceback else {})}


class Formatter(logging.Formatter):
    """Formats log records in one of ``FORMATS``."""

    def __init__(self, form: str, encoding: str = "utf-8") -> None:
        """``encoding`` is that of the stream: what it has no characters for is escaped as the form has it."""
        super().__init__()
        self._write = FORMATS[form]
        self._encoding = encoding

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = ""
        for limits in _LIMITS:
            line = self._write(_entry(record, *limits), self._encoding)
            if len(line.encode("utf-8", "surrogatepass")) <= MAX_LINE:
                break
        return line


def _entry(record: logging.LogRecord, message: int, traceback: int, field: int) -> Entry:
    return Entry(
        time=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        level=record.levelname,
        logger=_cut(record.name, field),
        message=_cut(redact(_message(record)), message),
        fields={name: _field(value, field) for name, value in fields_of(record).items()},
        traceback=_cut(redact(_traceback(record)), traceback, keep_end=True),
    )


def _message(record: logging.LogRecord) -> str:
    said, args = text(record.msg), record.args
    if isinstance(args, Mapping) and "%(" not in said:
        args = (args,)  # logging takes a single dictionary for names
    try:
        return said % _shown_as(args) if args else said
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the arguments, what was to be said is not lost
        with contextlib.suppress(Exception):
            return record.getMessage()  # %d of an amount, which is no text
        return f"{said} (its arguments cannot be shown: {words(error)})"


def _shown_as(args: Any) -> Any:
    if isinstance(args, Mapping):
        return {name: _argument(value) for name, value in args.items()}
    return tuple(map(_argument, args))


class _Shown(str):
    """Text that is the same for %s and for %r, which libraries use."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _argument(value: object) -> object:
    return _Shown(text(value)) if is_odd(value) else value


def _field(value: object, limit: int) -> Plain:
    shown_as = plain(value)
    return _cut(redact(shown_as), limit) if isinstance(shown_as, str) else shown_as


def _traceback(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        return logging.Formatter().formatException(record.exc_info)
    return record.exc_text or record.stack_info or ""


def _cut(said: str, limit: int, *, keep_end: bool = False) -> str:
    """As much of a text as a line may have; of a traceback its end too, which says what was wrong."""
    if len(said) <= limit:
        return said
    if not keep_end:
        return f"{said[:limit]} ... ({len(said)} characters)"
    head = limit // 4
    return f"{said[:head]}\n... ({len(said)} characters)\n{said[head - limit :]}"


def _as_text(entry: Entry, encoding: str) -> str:
    """For a person: the fields after the message, as far as it does not have them; further lines are indented."""
    del encoding  # the stream escapes what it has no characters for
    beside = [
        f"{name}={_logfmt(value)}"
        for name, value in entry.fields.items()
        if name not in _TOLD and not _has(entry.message, value)
    ]
    message = shown(entry.message, lines=True).rstrip("\n")
    first, newline, rest = message.partition("\n")
    line = " ".join([entry.time, entry.level, f"{shown(entry.logger)}:", first, *beside])
    more = [newline + rest if rest else "", f"\n{shown(entry.traceback, lines=True)}" if entry.traceback else ""]
    return line + "".join(more).replace("\n", "\n  ")


def _has(message: str, value: Plain) -> bool:
    """Whether a person has read it already: a name, and no number that may be another one."""
    if not isinstance(value, str):
        return False
    # No pattern of its own for each value: to compile one takes longer than all the rest of a line.
    start = message.find(value)
    while start >= 0:
        end = start + len(value)
        beside = message[max(0, start - 1) : start] + message[end : end + 1]
        if not _IN_NAMES.search(beside):
            return True
        start = message.find(value, start + 1)
    return False


def _as_json(entry: Entry, encoding: str) -> str:
    return json_within(safe_json(json.dumps(entry.named, ensure_ascii=False)), encoding)


def _as_logfmt(entry: Entry, encoding: str) -> str:
    # What is not ASCII stands in quotes, where it can be escaped.
    return json_within(" ".join(f"{name}={_logfmt(value)}" for name, value in entry.named.items()), encoding)


def _logfmt(value: Plain) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value if _BARE.fullmatch(value) else safe_json(json.dumps(value, ensure_ascii=False))


FORMATS: dict[str, Callable[[Entry, str], str]] = {"text": _as_text, "json": _as_json, "logfmt": _as_logfmt}
"""Their names, as ``--log-format`` and FINFLEET_LOG_FORMAT have them."""
