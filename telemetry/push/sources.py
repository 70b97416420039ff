"""Who may push, what each one's records are kept as, and how old they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from telemetry.errors import MessageError

OWNER_RANK = 1000
"""Of two sources that share what they tell of, the one of higher rank wins, whichever comes last."""


class WrongQueue(MessageError):
    """A message lies on a queue that is not its source's."""

    code = "wrong_queue"


@dataclass(frozen=True)
class Pushers:
    """The sources of kind ``push``, as configured."""

    #: By name: whose records its own are kept as. Its own name, unless it shares those of another.
    owners: Mapping[str, str] = field(default_factory=dict)
    #: How long before now the time may lie that a message speaks of; zero: no bound.
    max_age: timedelta = timedelta(0)
    #: Those that are believed on their own queues only.
    walled: frozenset[str] = frozenset()

    @classmethod
    def alone(cls, *names: str) -> Self:
        """Sources that share nothing."""
        return cls({name: name for name in names})

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.owners)

    @property
    def owner_names(self) -> tuple[str, ...]:
        """Those whose records are kept under their own name."""
        return tuple(sorted(set(self.owners.values())))

    def owner(self, source: str) -> str:
        """Whose records those of ``source`` are kept as."""
        return self.owners.get(source, source)

    def rank(self, source: str) -> int:
        """An owner has the highest; those who share with it follow in the order of the configuration."""
        owner = self.owner(source)
        if owner == source:
            return OWNER_RANK
        sharers = [name for name, own in self.owners.items() if own == owner and name != owner]
        return OWNER_RANK - 1 - sharers.index(source)
