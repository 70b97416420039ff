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
        reason = f"{reason} (cut: it had {len(body)} bytes)"
    wrapped = Undeliverable(_text(queue), _text(code), _text(reason), body[:MAX_BODY])
    return MAGIC + msgspec.msgpack.encode(wrapped)


def is_wrapped(data: bytes) -> bool:
    """Whether ``data`` has the look of what :func:`wrap` made."""
    return data[: len(MAGIC)] == MAGIC


def unwrap(data: bytes) -> Undeliverable:
    """What :func:`wrap` was given; MalformedMessage where it is nothing of the kind."""
    try:
        return _decoder.decode(data[len(MAGIC) :])
    except (msgspec.DecodeError, ValueError, RecursionError, MemoryError) as error:
        raise MalformedMessage(f"not a wrapped message: {error}") from None


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()[:_MAX_TEXT]
