"""How many windows a second are planned, handed out and settled for many targets; what each part costs, and the lag."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.processes import Fleet, fleet, query, until
from benchmarks.servers import Servers, running

_SETTLED = "SELECT count(*) FROM finfleet.runs WHERE reported_at IS NOT NULL"
_LAG = """
SELECT coalesce(max(extract(epoch FROM now() - due_at)), 0)::float8, count(*)
  FROM finfleet.collections WHERE state IN ('planned', 'dispatched') AND (state = 'planned' OR dispatched_at IS NULL)
"""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="that the fleet is watched")
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
        _measure(servers, Path(folder) / "fleet", options)


def _measure(servers: Servers, folder: Path, options: argparse.Namespace) -> None:
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
        _watch(servers, processes, options.seconds)


def _watch(servers: Servers, processes: Fleet, seconds: float) -> None:
    print(f"{'seconds':>8} {'settled/s':>10} {'waiting':>9} {'lag s':>7}  CPU-seconds a second")
    begun = time.monotonic()
    step = max(5.0, seconds / 10)
    while time.monotonic() - begun < seconds:
        before, at, cpu = _number(servers, _SETTLED), time.monotonic(), processes.cpu()
        time.sleep(step)
        took = time.monotonic() - at
        rate = (_number(servers, _SETTLED) - before) / took
        lag, waiting = query(servers, _LAG)[0]
        spent = ", ".join(f"{role} {(now - cpu[role]) / took:.2f}" for role, now in sorted(processes.cpu().items()))
        print(f"{time.monotonic() - begun:>8.0f} {rate:>10.0f} {waiting!s:>9} {lag:>7.0f}  {spent}", flush=True)


def _number(servers: Servers, statement: str) -> int:
    found = query(servers, statement)[0][0]
    assert isinstance(found, int)  # noqa: S101 - count(*)
    return found


if __name__ == "__main__":
    main()
