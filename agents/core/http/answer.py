"""What a server answered: bytes with a limit, read in time, and never believed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, Self

import httpx
import msgspec

from agents.core.retry_after import parse_retry_after
from agents.core.unpacking import unpacked
from telemetry.errors import CollectionFailed
from telemetry.redact import redact

LONG_WAIT = 60.0
"""Seconds until the next try where a person has to mend something: one request a minute costs nobody anything."""
THROTTLE_WAIT = 5.0
"""Seconds to wait on a 429 that names none."""
_MAX_BODY = 64 * 1024
_PIECE = 4 * 1024
_MAX_TEXT = 200


class Answer(msgspec.Struct, frozen=True):
    """An answer: bytes, which are read only where they are needed."""

    status: int
    #: No more of it than is kept.
    body: bytes
    content_type: str
    #: Seconds, where the server asks to wait.
    retry_after: float | None
    #: Where a redirect leads.
    location: str

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object in the body; empty where it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.MsgspecError, ValueError, RecursionError):  # not UTF-8 is a ValueError
            return {}

    @property
    def text(self) -> str:
        """The beginning of the body, one line, without secrets; empty where it is a page for a browser."""
        return "" if "html" in self.content_type else one_line(self.body.decode("utf-8", "replace"))

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return httpx.codes.is_success(self.status)

    @property
    def phrase(self) -> str:
        """The status in words: ``404 Not Found``."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @classmethod
    def read(cls, response: httpx.Response, within: float) -> Self:
        """Read a response's body, at most 64 KiB of it and for ``within`` seconds; ``httpx.ReadTimeout`` past those.

        Never by httpx's own decoders: they unpack a piece whole, and a small piece of zeros may be gigabytes.
        """
        raw = [response.content] if response.is_stream_consumed else response.iter_raw()
        return cls(
            status=response.status_code,
            body=_read(raw, response.headers.get("Content-Encoding", ""), time.monotonic() + within),
            content_type=response.headers.get("Content-Type", ""),
            retry_after=parse_retry_after(response.headers.get("Retry-After", "")),
            location=one_line(response.headers.get("Location", "")),
        )


def _read(raw: Iterable[bytes], encoding: str, deadline: float) -> bytes:
    """What fits of a body; empty where it is packed in a way that we do not read."""
    body = bytearray()
    try:
        # Nothing packed was asked for. A server that packs all the same must not be sent everything twice.
        for piece in unpacked(_in_time(raw, deadline), encoding, _MAX_BODY):
            body += piece
    except CollectionFailed:  # too long, or broken: what there is of it says enough
        pass
    return bytes(body[:_MAX_BODY])


def _in_time(raw: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    for piece in raw:
        yield from (piece[start : start + _PIECE] for start in range(0, len(piece), _PIECE))
        if time.monotonic() > deadline:
            # Each wait for a part of it has a limit, but not the sum of them.
            raise httpx.ReadTimeout("the answer did not end")


def one_line(text: str) -> str:
    """The beginning of what a stranger wrote: one line, printable, without secrets."""
    # Redacted before it is cut: half a key would not be known for one.
    line = " ".join("".join(char if char.isprintable() else " " for char in redact(text)).split())
    return line if len(line) <= _MAX_TEXT else line[:_MAX_TEXT] + "…"
