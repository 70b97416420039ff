"""How many windows a second are planned, handed out and settled for many targets: the highest rate that holds.

All targets have a window due at the start, and another one at each interval. While windows wait, the fleet does what it
can: that is the highest rate that holds. What limits it, and how much it is a core, is told in the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import frame
from benchmarks.processes import Fleet, fleet, query, servers_cpu, until
from benchmarks.servers import Servers, running

_SETTLED = "SELECT count(*) FROM finfleet.runs WHERE reported_at IS NOT NULL"
_LAG = """
SELECT coalesce(max(extract(epoch FROM now() - due_at)), 0)::float8, count(*)
  FROM finfleet.collections WHERE state = 'planned' OR state = 'dispatched' AND dispatched_at IS NULL
"""
_FULL = 0.85
"""A process that takes so much of a core, or a machine of all of them, does no more."""


def main() -> None:
    """Print the tables."""
    parser = frame.parser(__doc__, seconds=600)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--regions", type=int, default=20)
    parser.add_argument("--services", type=int, default=8, choices=range(1, 9))
    parser.add_argument("--interval", type=int, default=300, help="seconds of a window: with 160,000 targets 533/s")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ingests", type=int, default=1)
    parser.add_argument("--call", type=float, default=0.0, help="seconds that a window takes its worker")
    options = parser.parse_args()
    targets = options.accounts * options.regions * options.services
    print(f"{targets:,} targets, {targets / options.interval:,.0f} windows/s close", flush=True)
    with running() as servers, tempfile.TemporaryDirectory(prefix="finfleet-") as folder:
        steps = _measure(servers, Path(folder) / "fleet", options)
    frame.conclude(_figures(steps, targets / options.interval, options))


@dataclass(frozen=True)
class Step:
    """What was seen for a while; CPU-seconds are those of each second."""

    seconds: float
    settled: int
    #: Windows at its start and at its end, and how long the first of them waits.
    waiting: tuple[int, int]
    lag: float
    cpu: dict[str, float]
    #: Of one process.
    most: dict[str, float]
    #: Of the machine, with what else runs on it.
    machine: float


def _measure(servers: Servers, folder: Path, options: argparse.Namespace) -> list[Step]:
    configuration = {
        "stub": {
            "services": [f"quick{number}" for number in range(1, options.services + 1)],
            "accounts": [{"name": f"account-{number}"} for number in range(options.accounts)],
            "regions": [f"region-{number}" for number in range(options.regions)],
            "collection_interval": options.interval,
            # All of them have a window due at once.
            "backfill": f"{options.interval}s",
        }
    }
    with fleet(servers, folder, configuration) as processes:
        begun = time.monotonic()
        processes.start("worker", "plan")
        targets = options.accounts * options.regions * options.services
        opened = "SELECT count(*) FROM finfleet.collections"
        until(lambda: _number(servers, opened) >= targets, 600, "a window of each target is open")
        print(f"compared and opened after {time.monotonic() - begun:.1f} s, with the start of the planner", flush=True)
        processes.start("ingest", count=options.ingests)
        processes.start("worker", "stub", count=options.workers, STUB_SECONDS=str(options.call))
        until(lambda: _number(servers, _SETTLED) > 0, 120, "the first is settled")
        alive = "SELECT count(*) FROM finfleet.processes WHERE role = 'worker stub'"
        until(lambda: _number(servers, alive) == options.workers, 120, "all workers live")
        return _watch(servers, processes, options.seconds)


def _watch(servers: Servers, processes: Fleet, seconds: float) -> list[Step]:
    print(f"{'seconds':>8} {'settled/s':>10} {'waiting':>9} {'lag s':>7}  CPU-seconds a second", flush=True)
    begun, steps = time.monotonic(), list[Step]()
    psutil.cpu_percent()
    while time.monotonic() - begun < seconds:
        step = _step(servers, processes, max(5.0, seconds / 10))
        steps.append(step)
        spent = ", ".join(f"{role} {each:.2f}" for role, each in sorted(step.cpu.items()))
        print(
            f"{time.monotonic() - begun:>8.0f} {step.settled / step.seconds:>10.0f} {step.waiting[1]:>9,}"
            f" {step.lag:>7.0f}  {spent}",
            flush=True,
        )
    return steps


def _step(servers: Servers, processes: Fleet, seconds: float) -> Step:
    _, waited = query(servers, _LAG)[0]
    settled, at = _number(servers, _SETTLED), time.monotonic()
    cpu, most = processes.cpu() | servers_cpu(), processes.most_cpu()
    time.sleep(seconds)
    took = time.monotonic() - at
    settled = _number(servers, _SETTLED) - settled
    lag, waiting = query(servers, _LAG)[0]
    return Step(
        seconds=took,
        settled=settled,
        waiting=(int(str(waited)), int(str(waiting))),
        lag=float(str(lag)),
        cpu={role: (now - cpu[role]) / took for role, now in (processes.cpu() | servers_cpu()).items()},
        most={role: (now - most[role]) / took for role, now in processes.most_cpu().items()},
        machine=psutil.cpu_percent() / 100 * frame.cores(),
    )


def _figures(steps: list[Step], closing: float, options: argparse.Namespace) -> dict[str, str]:
    full = [step for step in steps if min(step.waiting) > 0]
    counted = full or steps
    seconds = sum(step.seconds for step in counted)
    rate = sum(step.settled for step in counted) / seconds
    cores = sum(sum(step.cpu.values()) * step.seconds for step in counted) / seconds
    return {
        "windows/s that close": f"{closing:.0f}",
        "highest rate that holds": f"{rate:.0f}/s" if full else f"more than {rate:.0f}/s",
        "what limits it": _limit(counted, cores) if full else "nothing: at times no window waited",
        "a core": f"{rate / cores:.0f}/s of {cores:.2f}",
        "lag": ", ".join(f"{step.lag:.0f}" for step in steps) + " s",
        "workers": str(options.workers),
    }


def _limit(steps: list[Step], cores: float) -> str:
    seconds = sum(step.seconds for step in steps)
    machine = sum(step.machine * step.seconds for step in steps) / seconds
    most = {role: sum(step.most[role] * step.seconds for step in steps) / seconds for role in steps[0].most}
    role, busiest = max(most.items(), key=lambda item: item[1])
    if machine >= _FULL * frame.cores():
        return f"the {frame.cores()} cores: {cores:.2f} are ours, {max(0.0, machine - cores):.2f} of others"
    if busiest >= _FULL:
        return f"one core, that of a process of `{role}` ({busiest:.2f})"
    return f"no core ({machine:.2f} of {frame.cores()} busy, most a process of `{role}`: {busiest:.2f})"


def _number(servers: Servers, statement: str) -> int:
    found = query(servers, statement)[0][0]
    assert isinstance(found, int)  # noqa: S101 - count(*)
    return found


if __name__ == "__main__":
    main()
