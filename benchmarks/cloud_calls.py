"""What the benchmarks of calls to Azure and to Google share: two processes, one local cloud, and the tables."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

import msgspec

from benchmarks import frame
from benchmarks.aws_collectors import Done
from benchmarks.cloud_collectors import FINFLEET, ONE_BY_ONE, Task

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
WINDOW = (datetime(2026, 11, 24, 11, 40, tzinfo=UTC), datetime(2026, 11, 24, 11, 45, tzinfo=UTC))
SIZES = (1, 100, 1_000, 10_000)
_NEXT = 3
"""Windows after the first, of which the median counts."""
_MOST = 300
"""Machines that are asked one by one; what more would take is counted, and its time is that of the calls that were."""
_MB = 2**20


class Seeded(NamedTuple):
    """A local cloud that runs, with a configuration that leads to it."""

    target: str
    section: dict[str, object]
    calls: Callable[[], Mapping[str, int]]
    forget_calls: Callable[[], None]


@dataclass(frozen=True)
class Subject:
    """One cloud's machines."""

    name: str
    #: A local cloud with so many machines, where each call takes so many milliseconds more.
    seed: Callable[[int, int], AbstractContextManager[Seeded]]
    #: Machines in a page of the inventory, machines in a call for metrics, and calls that it takes for all metrics.
    page: int
    batch: int
    metrics: int
    #: What is called for each machine, one by one.
    naive_calls: int
    naive: str

    def least(self, machines: int) -> int:
        """Where the prices are known."""
        return math.ceil(machines / self.page) + self.metrics * math.ceil(machines / self.batch)


@dataclass(frozen=True)
class Measured:
    """One size of an account."""

    machines: int
    first_calls: int
    next_calls: int
    ours: Done
    theirs_calls: int
    theirs_seconds: float
    #: The share of their calls that was made.
    share: float

    @property
    def next_seconds(self) -> float:
        """For a window whose prices are known."""
        return median(self.ours.seconds[1:])


def main(doc: str | None, subject: Subject) -> None:
    """Measure, and print the tables."""
    parser = frame.parser(doc)
    parser.add_argument("--machines", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--latency-ms", type=int, default=20, help="added to every call")
    arguments = parser.parse_args()
    found = [_measure(subject, machines, arguments.latency_ms) for machines in arguments.machines]
    _show(subject, found, arguments.latency_ms)
    largest = found[-1]
    ratio = largest.next_calls / subject.least(largest.machines)
    frame.conclude(
        {
            "machines": f"{largest.machines:,}",
            "calls / least possible": f"{ratio:.2f}",
            "one by one / finfleet, calls": f"{largest.theirs_calls / largest.next_calls:.1f}",
            "seconds": f"{largest.theirs_seconds / largest.next_seconds:.1f}",
        }
    )


def _measure(subject: Subject, machines: int, latency_ms: int) -> Measured:
    with subject.seed(machines, latency_ms) as cloud:
        _run(FINFLEET, cloud, 1)
        first_calls = _calls(cloud)
        ours = _run(FINFLEET, cloud, 1 + _NEXT)
        next_calls = (_calls(cloud) - first_calls) // _NEXT
    asked = min(machines, _MOST)
    with subject.seed(asked, latency_ms) as cloud:
        # Prices and sign-in once before, as ours has them.
        theirs = _run(ONE_BY_ONE, cloud, 2)
    if asked == machines and theirs.points != ours.points[:2]:
        raise SystemExit(f"readings differ: {ours.points}, {theirs.points}")
    theirs_calls = math.ceil(machines / subject.page) + subject.naive_calls * machines
    made = 1 + subject.naive_calls * asked
    return Measured(
        machines,
        first_calls,
        next_calls,
        ours,
        theirs_calls,
        theirs.seconds[1] * theirs_calls / made,
        made / theirs_calls,
    )


def _run(way: str, cloud: Seeded, times: int) -> Done:
    task = msgspec.json.encode(Task(cloud.target, cloud.section, NOW, WINDOW, times))
    command = [sys.executable, "-m", "benchmarks.cloud_collectors", way]
    done = subprocess.run(command, input=task, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Done)


def _calls(cloud: Seeded) -> int:
    """Those since the last time, but for signing in."""
    calls = sum(count for api, count in cloud.calls().items() if not api.startswith("login:"))
    cloud.forget_calls()
    return calls


def _show(subject: Subject, found: Sequence[Measured], latency_ms: int) -> None:
    frame.show(
        f"finfleet, a window of {subject.name} in a worker",
        ("machines", "calls, first window", "then", "least possible", "ratio", "peak memory"),
        [
            (
                f"{one.machines:,}",
                f"{one.first_calls:,}",
                f"{one.next_calls:,}",
                f"{subject.least(one.machines):,}",
                f"{one.next_calls / subject.least(one.machines):.2f}",
                f"{one.ours.peak_bytes / _MB:.0f} MB",
            )
            for one in found
        ],
    )
    frame.show(
        f"beside {subject.naive}; {latency_ms} ms more a call",
        ("machines", "calls", "ratio", "finfleet, first", "then", "one by one", "ratio", "measured"),
        [
            (
                f"{one.machines:,}",
                f"{one.theirs_calls:,}",
                f"{one.theirs_calls / one.next_calls:.1f} x",
                f"{one.ours.seconds[0]:.2f} s",
                f"{one.next_seconds:.2f} s",
                f"{one.theirs_seconds:,.1f} s",
                f"{one.theirs_seconds / one.next_seconds:.1f} x",
                f"{one.share:.0%}",
            )
            for one in found
        ],
    )
