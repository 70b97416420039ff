"""The sign of life of a process, as it goes over the broker where the process has no database.

Form: ``FP``, then a msgpack array of the fields of :class:`Sign`. It is read as what a stranger may have sent: whatever
is not of this form, and of these sizes, is malformed.
"""

from __future__ import annotations

import re
from uuid import UUID

import msgspec

from telemetry.errors import MalformedMessage

MAGIC = b"FP"
_LONGEST = 8192
_MOST_TEXT = 200
_MOST_QUEUES = 4000
_MOST_THREADS = 10_000
_RELAYED = re.compile(r"beat|worker (?!plan$)[a-z][a-z0-9_-]{0,39}")
"""Roles without a database; the others write theirs themselves, and nobody may do so in their place."""
_EARLIEST, _LATEST = 1_500_000_000.0, 32_503_680_000.0


class Sign(msgspec.Struct, frozen=True, array_like=True):
    """That a process lives, and what it is."""

    process_id: UUID
    #: Its command: ``beat``, ``worker aws`` ...
    role: str
    #: That it consumes.
    queues: tuple[str, ...]
    host: str
    #: Within which its pid means something; empty where that is not known.
    machine: str
    pid: int
    version: str
    #: Seconds since 1970, by its own clock.
    started_at: float
    #: It ends, and was told to.
    stopped: bool = False
    #: Why it does not work although it runs; empty where it works.
    trouble: str = ""
    #: How many tasks it runs at once; 0: not known, or none.
    threads: int = 0


_decoder = msgspec.msgpack.Decoder(Sign)


def fitting(sign: Sign) -> Sign:
    """The same within the sizes that are taken."""
    queues: list[str] = []
    for queue in map(clean, sign.queues):
        if len(" ".join([*queues, queue])) <= _MOST_QUEUES:
            queues.append(queue)
    texts = {name: clean(getattr(sign, name)) for name in ("role", "host", "machine", "version", "trouble")}
    threads = min(max(sign.threads, 0), _MOST_THREADS)
    return msgspec.structs.replace(sign, queues=tuple(queues), threads=threads, **texts)


def clean(text: str) -> str:
    """A text in one line, of a bounded length, that any database takes."""
    one_line = " ".join(text.encode("utf-8", "backslashreplace").decode().replace("\0", "").split())
    return one_line[:_MOST_TEXT]


def wrap(sign: Sign) -> bytes:
    """The bytes to publish."""
    return MAGIC + msgspec.msgpack.encode(fitting(sign))


def unwrap(data: bytes) -> Sign:
    """What :func:`wrap` was given; MalformedMessage where it is nothing of the kind."""
    if len(data) > _LONGEST or data[: len(MAGIC)] != MAGIC:
        raise MalformedMessage(f"not a sign of life of a process, of at most {_LONGEST} bytes")
    try:
        sign = _decoder.decode(memoryview(data)[len(MAGIC) :])
    except Exception as error:  # noqa: BLE001 - whatever a decoder has: of this message
        raise MalformedMessage(f"not a sign of life: {str(error)[:_MOST_TEXT]}") from None
    if not _RELAYED.fullmatch(sign.role):
        raise MalformedMessage(f"not a sign of life: {clean(sign.role)!r} is no process without a database")
    if fitting(sign) != sign or not 0 <= sign.pid < 2**31 or not _EARLIEST < sign.started_at < _LATEST:
        raise MalformedMessage("not a sign of life: a text or a number of it is out of bounds")
    return sign
