"""What the demo wants to know of a cloud."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

Calls = Mapping[str, int]
"""Number of calls by API, as the ledger names them."""


@dataclass(frozen=True)
class Planned:
    """A target, and the windows that the ledger has of it."""

    provider: str
    account: str
    region: str
    service: str
    since: datetime
    until: datetime
    windows: int
    #: Those of them that were collected more than an hour after their end.
    late: int = 0

    @property
    def days(self) -> list[date]:
        """The days of UTC that the windows begin on."""
        return [self.since.date() + timedelta(days=n) for n in range((self.until - self.since).days)]


@dataclass(frozen=True)
class Expected:
    """What must come of targets of one service: everything that the cloud holds, by the fewest calls."""

    resources: int = 0
    points: int = 0
    #: What is billed, by currency.
    billed: Mapping[str, Decimal] = field(default_factory=dict)
    calls: Calls = field(default_factory=dict)
    #: APIs of which nobody can say how many calls are the fewest.
    uncounted: frozenset[str] = frozenset()


class Cloud(ABC):
    """A local cloud that runs."""

    provider: ClassVar[str]
    #: In words, for a person.
    name: ClassVar[str]
    #: Environment variables of the fleet.
    environment: Mapping[str, str] = {}

    @property
    @abstractmethod
    def holds(self) -> str:
        """What it holds, in words."""

    @abstractmethod
    def section(self) -> dict[str, Any]:
        """Its section of the configuration, without interval and back-fill."""

    @abstractmethod
    def asked(self) -> Calls:
        """The calls that it has counted."""

    @abstractmethod
    def expected(self, targets: Sequence[Planned]) -> Expected:
        """What must come of these targets, which are all of one service."""
