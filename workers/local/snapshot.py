"""How a `finfleet up` stands at one moment, and what of that is a problem: all that its picture shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from workers.local.figures import Figures
from workers.local.supervisor import ProcessStatus, State
from workers.output import duration

_LONG_START = 60.0
_OLD_RESULT = 120.0
"""Seconds that a result may wait before it counts as a problem."""


class Phase(StrEnum):
    """What the whole is doing."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Problem:
    """What somebody has to look at."""

    #: The process, provider, destination or queue that has it.
    subject: str
    what: str


@dataclass(frozen=True)
class Snapshot:
    """All that can be shown."""

    phase: Phase
    #: Seconds.
    up: float
    processes: tuple[ProcessStatus, ...]
    providers: tuple[str, ...]
    destinations: tuple[str, ...]
    figures: Figures
    #: The latest last.
    events: tuple[str, ...] = ()
    #: Where to look: (what, where).
    addresses: tuple[tuple[str, str], ...] = ()
    #: Where each process shows its metrics.
    metrics: dict[str, str] = field(default_factory=dict)

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, what stops most first."""
        return (*self._of_processes(), *self._of_figures())

    def running(self) -> int:
        """How many processes do their work."""
        return sum(process.state is State.RUNNING for process in self.processes)

    def _of_processes(self) -> Iterator[Problem]:
        for process in self.processes:
            if self.phase in {Phase.STARTING, Phase.READY} and (what := _wrong_with(process)):
                yield Problem(process.name, what)
            for trouble in process.troubles:
                yield Problem(process.name, trouble.removeprefix(f"{process.name}: "))

    def _of_figures(self) -> Iterator[Problem]:
        figures = self.figures
        for trouble in figures.troubles:
            yield Problem("not known just now", trouble)
        for provider in self.providers:
            counts = ((figures.denied(provider), "denied"), (figures.failed(provider), "failed"))
            if any(count for count, _ in counts):
                found = ", ".join(f"{count:,} {state}" for count, state in counts if count)
                yield Problem(provider, f"windows: {found} (finfleet status)")
        for name, waiting in (figures.destinations or {}).items():
            if waiting.dead:
                yield Problem(name, f"batches refused: {waiting.dead:,} (finfleet outbox dead)")
        if figures.dead_letters:
            yield Problem("dead letters", f"{figures.dead_letters:,} (finfleet dlq list)")
        if figures.results is not None and (figures.results.oldest_age or 0) > _OLD_RESULT:
            yield Problem("results", f"the oldest has waited for {duration(figures.results.oldest_age or 0)}")


def _wrong_with(process: ProcessStatus) -> str:
    ended = process.state in {State.WAITING, State.STOPPED}
    if process.looping:
        return f"ends again and again ({process.restarts} restarts)"
    if ended:
        return str(process.state)
    if process.state is State.STARTING and (process.restarts or (process.uptime or 0) > _LONG_START):
        again = " again" if process.restarts else ""
        return f"starts{again}, and is not ready after {duration(process.uptime or 0)}"
    return ""
