"""What is collected (a target) and when (a window)."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec

PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
"""What a part of a target may hold: no slash, so that the four parts can be read back from the text."""


class Target(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One service in one region of one account of one provider.

    ``account`` is the name that the configuration gives the account (``default`` where there is only one);
    the provider's own account id is on the resources.
    """

    provider: str
    account: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.account}/{self.region}/{self.service}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``provider/account/region/service``; ValueError names what is wrong."""
        parts = text.split("/")
        if len(parts) != 4:  # noqa: PLR2004 - the four parts above
            raise ValueError(f"target {text!r}: write it as provider/account/region/service")
        for name, part in zip(("provider", "account", "region", "service"), parts, strict=True):
            if not PART.fullmatch(part):
                raise ValueError(f"target {text!r}: {name} {part!r} may hold letters, digits and . _ : - only")
        return cls(*parts)


class Window(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A half-open interval of UTC time: ``start`` belongs to it, ``end`` does not."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"window {self.start}/{self.end}: times need a time zone, UTC for instance")
        if self.start >= self.end:
            raise ValueError(f"window {self.start}/{self.end}: the end must come after the start")

    def __str__(self) -> str:
        return f"{format_time(self.start)}/{format_time(self.end)}"

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def duration(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2026-11-24T05:00:00Z/2026-11-24T05:05:00Z``; ValueError names what is wrong."""
        start, slash, end = text.partition("/")
        if not slash:
            raise ValueError(
                f"window {text!r}: write it as START/END, for instance 2026-11-24T05:00Z/2026-11-24T05:05Z"
            )
        return cls(parse_time(start), parse_time(end))


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time with a zone, as UTC; ValueError where it is none, or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time {text[:60]!r}: write it as 2026-11-24T05:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"time {text[:60]!r}: add its zone, Z for UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"time {text[:60]!r}: it lies outside of the calendar") from None


def format_time(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second where there is no fraction: ``2026-11-24T05:00:00Z``."""
    with suppress(OverflowError):  # at the ends of the calendar, where another zone has a day that UTC has not
        moment = moment.astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def floor_time(moment: datetime, step: timedelta) -> datetime:
    """The last multiple of ``step`` since 1970-01-01 UTC that is not after ``moment``."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return moment - (moment - epoch) % step
