"""What a log line says beside its message, under names that stay the same: docs/operations.md has the table."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypedDict, Unpack

from telemetry.errors import FinfleetError


class Fields(TypedDict, total=False):
    """Every field that a line of ours may have; mypy holds each call to them."""

    #: What has happened, in a word that does not change: ``collected``, ``written``, ``restarted``.
    event: str
    target: object
    window: object
    attempt: int
    run: object
    provider: str
    service: str
    task: str
    task_id: str
    #: The same for all that comes of one attempt at a window, in whatever process.
    trace: str
    outcome: str
    records: int
    batches: int
    reports: int
    duplicates: int
    rejected: int
    calls: int
    throttles: int
    cost_usd: object
    opened: int
    handed_out: int
    seconds: float
    until: object
    permission: str
    destination: str
    outbox: int
    queue: str
    code: str
    #: A process of ``finfleet up``.
    name: str
    pid: int | None
    restarts: int


NAMES = tuple(Fields.__annotations__)
"""In the order in which a line has them."""
_ATTRIBUTE = "finfleet_fields"
_context: ContextVar[Mapping[str, object]] = ContextVar("finfleet log fields", default={})  # noqa: B039 - never changed in place


def fields(**values: Unpack[Fields]) -> dict[str, Any]:
    """For ``extra=`` of a log call."""
    return {_ATTRIBUTE: values}


@contextmanager
def context(**values: Unpack[Fields]) -> Iterator[None]:
    """Every line that this thread logs in the block has these fields, whoever logs it."""
    token = _context.set({**_context.get(), **values})
    try:
        yield
    finally:
        _context.reset(token)


def current() -> Mapping[str, object]:
    """The fields that every line of this thread has for now."""
    return _context.get()


def enter(**values: Unpack[Fields]) -> None:
    """Like ``context``, in the place of all former fields, until the next call: for who has no block."""
    _context.set(dict(values))


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """The fields of a line, in their order; those of the call stand above those of the context."""
    given = getattr(record, _ATTRIBUTE, None)
    found = {**_context.get(), **(given if isinstance(given, Mapping) else {})}
    attempt = [found.get(name) for name in ("target", "window", "attempt")]
    if None not in attempt and "trace" not in found:
        found["trace"] = trace_of(*attempt)
    if "target" in found:
        provider, _, rest = str(found["target"]).partition("/")
        found.setdefault("provider", provider)
        found.setdefault("service", rest.rpartition("/")[2])
    return {name: found[name] for name in NAMES if found.get(name) not in (None, "")}


def trace_of(target: object, window: object, attempt: object) -> str:
    """That of an attempt at a window, in W3C's form: whoever knows the attempt knows it, so no message bears it."""
    return hashlib.sha256(f"{target} {window} {attempt}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def words(error: BaseException) -> str:
    """What an error says, for a person: without Python's brackets and quotes, and never nothing."""
    kind = type(error).__name__
    if isinstance(error, FinfleetError):
        return str(error) or kind
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename is not None else str(error.strerror)
    if isinstance(error, KeyError):
        return f"{kind}: {', '.join(map(str, error.args))}"
    return f"{kind}: {error}" if str(error) else kind
