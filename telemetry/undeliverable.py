"""A message that a process without a database could not use, on its way to the dead letters.

A Celery worker finds things on its queues that are no task messages of ours. It has no database to keep them in, so it
wraps each, with the reason, and publishes it for the ingest, which keeps it as a dead letter.

Form: ``FL``, then a msgpack array of the fields of :class:`Undeliverable`.
"""

from __future__ import annotations

import msgspec

from telemetry.errors import MalformedMessage

MAGIC = b"FL"
MAX_BODY = 8 * 1024 * 1024
"""Bytes of a body that are kept; what is longer is cut, and its reason says so."""
_MAX_TEXT = 4000
_LONGEST = _MAX_TEXT + 100
_MAX_WRAPPED = MAX_BODY + 64 * 1024
_SHOWN = 500


class Undeliverable(msgspec.Struct, frozen=True, array_like=True):
    """One such message."""

    #: The Celery queue that it was found on.
    queue: str
    #: One word: ``malformed``, ``not_a_task``, ``unknown_task`` ...
    code: str
    #: For a person.
    reason: str
    #: As it lay there.
    body: bytes


_decoder = msgspec.msgpack.Decoder(Undeliverable)


def wrap(queue: str, code: str, reason: str, body: bytes) -> bytes:
    """The bytes to publish."""
    if len(body) > MAX_BODY:
        reason = f"{reason[:_SHOWN]} (cut: it had {len(body)} bytes)"
    found = Undeliverable(_text(queue), _text(code), _text(reason), body[:MAX_BODY])
    return MAGIC + msgspec.msgpack.encode(found)


def is_wrapped(data: bytes) -> bool:
    """Whether ``data`` has the look of what :func:`wrap` made."""
    return data[: len(MAGIC)] == MAGIC


def unwrap(data: bytes) -> Undeliverable:
    """What :func:`wrap` was given; MalformedMessage where it is nothing of the kind."""
    if len(data) > _MAX_WRAPPED:
        raise MalformedMessage(f"a wrapped message of {len(data)} bytes: at most {_MAX_WRAPPED} are taken")
    try:
        found = _decoder.decode(memoryview(data)[len(MAGIC) :])
    except Exception as error:  # noqa: BLE001 - RecursionError, what a decoder has: of this message
        raise MalformedMessage(f"not a wrapped message: {str(error)[:_SHOWN]}") from None
    texts = (found.queue, found.code, found.reason)
    if max(map(len, texts)) > _LONGEST or "\0" in "".join(texts):
        raise MalformedMessage(f"not a wrapped message: its texts have at most {_LONGEST} characters, and no NUL")
    return found


def _text(text: str) -> str:
    return text[:_MAX_TEXT].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:_MAX_TEXT]
