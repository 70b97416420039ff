"""A kind of trouble, and one case of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from workers.status.facts import Facts

_NAMED = 2


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    #: Its kind's name.
    kind: str
    #: What is wrong, and what to do: a sentence without its subject.
    text: str
    #: What it is wrong with: targets, processes, queues, destinations.
    subjects: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """All of it, with the first few of its subjects."""
        named = ", ".join(self.subjects[:_NAMED])
        more = len(self.subjects) - _NAMED
        subject = f"{named} and {more:,} more" if more > 0 else named
        whole = f"{subject}: {self.text}" if subject else self.text
        return whole if whole.startswith(f"{self.kind} ") else f"{self.kind}: {whole}"


Found = tuple[str, tuple[str, ...]]
"""The text and the subjects of one case."""


@dataclass(frozen=True)
class Kind:
    """One kind of trouble."""

    name: str
    #: For the documentation.
    means: str
    find: Callable[[Facts], Iterable[Found]]

    def problems(self, facts: Facts) -> Iterator[Problem]:
        """Its cases."""
        for text, subjects in self.find(facts):
            yield Problem(self.name, text, subjects)


def kind(name: str, means: str) -> Callable[[Callable[[Facts], Iterable[Found]]], Kind]:
    """Make a kind of the function that finds its cases."""
    return lambda find: Kind(name, means, find)


def grouped(cases: Iterable[tuple[str, str]]) -> Iterator[Found]:
    """Cases of the same text as one, with all of their subjects; each given as (subject, text)."""
    found: dict[str, list[str]] = {}
    for subject, text in cases:
        found.setdefault(text, []).append(subject)
    for text, subjects in found.items():
        yield text, tuple(dict.fromkeys(subjects))
