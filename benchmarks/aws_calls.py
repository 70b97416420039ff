"""How few calls a collection of EC2 takes, and how long, beside one call a metric: `python -m benchmarks.aws_calls`.

Both ask the same local AWS for the same metrics of the same five minutes, each in a fresh process, over 20 ms of added
latency. What would take too long one by one is measured in part, and said so: the time is that of the calls made, times
the calls that there would be.
"""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import msgspec

from benchmarks import frame
from benchmarks.aws_collectors import FINFLEET, METRICS, ONE_BY_ONE, REGION, Done, Task
from emulators.aws import LocalAws
from emulators.aws.ec2 import Instance
from emulators.aws.seed import seed_ec2
from telemetry.target import floor_time

WINDOW = timedelta(minutes=5)
SIZES = (1, 100, 1_000, 10_000)
_DELAY = timedelta(minutes=10)
_PAGE, _QUERIES = 1_000, 500
_MOST_CALLS, _SOME_INSTANCES = 4_000, 500
"""More calls than that, one by one, are measured for so many instances only: about two minutes at 20 ms."""
_NEXT = 3
"""Windows after the first, of which the median counts."""
_MB = 2**20


@dataclass(frozen=True)
class Measured:
    """One size of an account."""

    instances: int
    running: int
    #: The least calls for a window whose prices are all to be looked up.
    least: int
    #: The calls of the first window and of the next, whose prices are known.
    calls: tuple[int, int]
    ours: Done
    #: Calls that one by one takes, and those that were made.
    theirs_calls: int
    theirs_made: int
    theirs: Done

    @property
    def next_seconds(self) -> float:
        """For a window whose prices are known."""
        return median(self.ours.seconds[1:])

    @property
    def theirs_seconds(self) -> float:
        """For all calls."""
        return self.theirs.seconds[0] * self.theirs_calls / self.theirs_made


def main() -> None:
    """Measure, and print the tables."""
    parser = frame.parser(__doc__)
    parser.add_argument("--instances", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--latency-ms", type=int, default=20, help="added to every call")
    arguments = parser.parse_args()
    measured = [_measure(instances, arguments.latency_ms) for instances in arguments.instances]
    _print_ours(measured)
    _print_theirs(measured, arguments.latency_ms)
    largest = measured[-1]
    frame.conclude(
        {
            "instances": f"{largest.instances:,}",
            "calls / least possible": f"{largest.calls[0] / largest.least:.2f}",
            "one by one / finfleet, calls": f"{largest.theirs_calls / largest.calls[1]:.1f}",
            "seconds": f"{largest.theirs_seconds / largest.next_seconds:.1f}",
        }
    )


def _measure(instances: int, latency_ms: int) -> Measured:
    aws = LocalAws()
    seeded = seed_ec2(aws, instances, [REGION], hours_back=1, hours_ahead=0).instances[REGION]
    aws.inject("latency", latency_ms=latency_ms)
    end = floor_time(datetime.now(UTC) - _DELAY, WINDOW)
    windows = [(end - (back + 1) * WINDOW, end - back * WINDOW) for back in range(1 + _NEXT)]
    running = sum(one.state == "running" for one in seeded)
    with aws:
        first = _run(FINFLEET, Task(aws.url, windows[:1]))
        first_calls = _calls(aws)
        ours = _run(FINFLEET, Task(aws.url, windows))
        next_calls = (_calls(aws) - first_calls) // _NEXT
        most = None if running * len(METRICS) <= _MOST_CALLS else _SOME_INSTANCES
        theirs = _run(ONE_BY_ONE, Task(aws.url, windows[:1], most))
        made = _calls(aws)
    pages = math.ceil(instances / _PAGE)
    if first.points[0] != ours.points[0] or (most is None and theirs.points[0] != ours.points[0]):
        raise SystemExit(f"readings differ: {first.points}, {ours.points}, {theirs.points}")
    return Measured(
        instances=instances,
        running=running,
        least=pages + math.ceil(running * len(METRICS) / _QUERIES) + _price_calls(seeded),
        calls=(first_calls, next_calls),
        ours=ours,
        theirs_calls=pages + running * len(METRICS),
        theirs_made=made,
        theirs=theirs,
    )


def _price_calls(instances: list[Instance]) -> int:
    """One for each product of the price list, and one for all spot prices."""
    running = [one for one in instances if one.state == "running"]
    products = {(one.instance_type, one.platform, one.tenancy) for one in running if one.lifecycle is None}
    return len(products) + any(one.lifecycle == "spot" for one in running)


def _run(way: str, task: Task) -> Done:
    command = [sys.executable, "-m", "benchmarks.aws_collectors", way]
    done = subprocess.run(command, input=msgspec.json.encode(task), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Done)


def _calls(aws: LocalAws) -> int:
    """Those since the last time."""
    calls = sum(aws.calls().values())
    aws.log.reset()
    return calls


def _print_ours(measured: list[Measured]) -> None:
    frame.show(
        "finfleet, a window of EC2 in a worker",
        ("instances", "running", "calls", "least possible", "ratio", "prices known", "peak memory"),
        [
            (
                f"{one.instances:,}",
                f"{one.running:,}",
                f"{one.calls[0]:,}",
                f"{one.least:,}",
                f"{one.calls[0] / one.least:.2f}",
                f"{one.calls[1]:,}",
                f"{one.ours.peak_bytes / _MB:.0f} MB",
            )
            for one in measured
        ],
    )


def _print_theirs(measured: list[Measured], latency_ms: int) -> None:
    frame.show(
        f"beside a GetMetricStatistics for each metric of each running instance; {latency_ms} ms more a call",
        ("instances", "calls", "ratio", "finfleet, first", "then", "one by one", "ratio", "measured"),
        [
            (
                f"{one.instances:,}",
                f"{one.theirs_calls:,}",
                f"{one.theirs_calls / one.calls[1]:.1f} x",
                f"{one.ours.seconds[0]:.2f} s",
                f"{one.next_seconds:.2f} s",
                f"{one.theirs_seconds:,.1f} s",
                f"{one.theirs_seconds / one.next_seconds:.1f} x",
                f"{one.theirs_made / one.theirs_calls:.0%}",
            )
            for one in measured
        ],
    )


if __name__ == "__main__":
    main()
