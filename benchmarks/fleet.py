"""How busy workers are while work is due, and whether more of them do more: one, two, four, eight; default settings."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.processes import fleet, query, until
from benchmarks.servers import Servers, running

_ACCOUNTS = 20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="that each fleet is watched")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument(
        "--threads", type=int, default=1, help="of each worker; a thread sleeps, so cores matter little"
    )
    parser.add_argument("--call", type=float, default=0.05, help="seconds that a call of the stub's API takes")
    parser.add_argument("--calls", type=int, default=3, help="calls of a window")
    options = parser.parse_args()
    print(f"a window: {options.calls} calls of {options.call * 1000:.0f} ms; {options.threads} threads a worker")
    print(f"{'workers':>8} {'windows/s':>10} {'busy':>7} {'x one':>7} {'cpu-s/s':>8}")
    first = 0.0
    for workers in options.workers:
        rate, cpu = _measure(workers, options)
        first = first or rate / workers
        busy = rate * options.calls * options.call / (workers * options.threads)
        print(f"{workers:>8} {rate:>10.1f} {busy:>7.0%} {rate / first:>7.2f} {cpu:>8.2f}", flush=True)


def _measure(workers: int, options: argparse.Namespace) -> tuple[float, float]:
    """Windows a second while work is due, and CPU-seconds a second of all processes."""
    configuration = {
        "stub": {
            "services": ["quick1"],
            "accounts": [{"name": f"account-{number}"} for number in range(_ACCOUNTS)],
            # More than they can do meanwhile.
            "backfill": "20d",
        }
    }
    with (
        running() as servers,
        tempfile.TemporaryDirectory(prefix="finfleet-") as folder,
        fleet(servers, Path(folder) / "fleet", configuration) as processes,
    ):
        processes.start("ingest")
        processes.start("worker", "plan")
        stub = {"STUB_SECONDS": str(options.call), "STUB_CALLS": str(options.calls)}
        processes.start("worker", "stub", "--concurrency", str(options.threads), count=workers, **stub)
        until(lambda: _works(servers, workers), 120, "all workers have settled a window")
        time.sleep(3)
        before, begun = processes.cpu(), time.monotonic()
        settled = _settled(servers)
        time.sleep(options.seconds)
        rate = (_settled(servers) - settled) / (time.monotonic() - begun)
        cpu = sum(processes.cpu().values()) - sum(before.values())
        return rate, cpu / options.seconds


def _works(servers: Servers, workers: int) -> bool:
    alive = query(servers, "SELECT count(*) FROM finfleet.processes WHERE role = 'worker stub'")[0][0]
    return alive == workers and _settled(servers) > 20 * workers


def _settled(servers: Servers) -> int:
    found = query(servers, "SELECT count(*) FROM finfleet.runs WHERE reported_at IS NOT NULL")[0][0]
    assert isinstance(found, int)  # noqa: S101 - count(*)
    return found


if __name__ == "__main__":
    main()
