"""Entry points: what this install offers under a name, ours and other distributions' alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

OURS = "finfleet"
"""Our own distribution: what it offers stands above what others offer under the same name."""


@dataclass(frozen=True)
class Offers(Generic[T]):
    """What the entry points of one group offer."""

    #: By name.
    found: dict[str, T]
    #: What cannot be used, one line each: the distribution, the entry point, and why.
    unusable: tuple[str, ...]
    #: The distributions that they are of, by name.
    distributions: dict[str, str]


def load_offers(group: str, check: Callable[[str, object], T]) -> Offers[T]:
    """Load every entry point of ``group``.

    ``check`` takes the name and the loaded object, and returns it as what it is, or raises ValueError in words. One
    that cannot be used is logged with the name of its distribution, and harms no other.
    """
    found: dict[str, T] = {}
    unusable: list[str] = []
    distributions: dict[str, str] = {}
    for entry in _ours_first(entry_points(group=group)):
        try:
            if entry.name in found:
                raise ValueError(f"the name {entry.name!r} is taken already")  # noqa: TRY301 - one place for all faults
            found[entry.name] = check(entry.name, entry.load())
            distributions[entry.name] = name_of(entry)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - somebody else's code, whatever it raises; a panic in Rust, too
            fault = f"{name_of(entry)}: entry point {entry.name} = {entry.value}: {in_a_line(error)}"
            unusable.append(fault)
            logger.error("an entry point of %s cannot be used: %s", group, fault)  # noqa: TRY400 - the reason is enough
    return Offers(dict(sorted(found.items())), tuple(unusable), distributions)


def in_a_line(error: BaseException) -> str:
    """What somebody else's code has raised, with its kind."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def name_of(entry: EntryPoint) -> str:
    """The distribution that an entry point is of."""
    return entry.dist.name if entry.dist is not None else "an unknown distribution"


def _ours_first(entries: Iterable[EntryPoint]) -> list[EntryPoint]:
    # One that is installed twice (an editable install beside another one) is there twice.
    distinct = {(name_of(entry), entry.name, entry.value): entry for entry in entries}
    return sorted(distinct.values(), key=lambda entry: (name_of(entry) != OURS, entry.name, name_of(entry)))
