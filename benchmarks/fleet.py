"""How busy workers are while work is due, and whether more of them do more: one, two, four, eight; default settings."""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import redis

from benchmarks.processes import fleet, query, until
from benchmarks.servers import Servers, running

_ACCOUNTS = 20
_BUSY = """
SELECT coalesce(sum(extract(epoch FROM least(finished_at, %s) - greatest(started_at, %s))), 0)::float8
  FROM finfleet.runs WHERE finished_at > %s AND started_at < %s
"""


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
    print("in calls: the part of the threads' time that the API takes; busy: that collections take; dry: looks at the")
    print("queue that found it empty")
    print(f"{'workers':>8} {'windows/s':>10} {'in calls':>9} {'busy':>6} {'dry':>6} {'x one':>6} {'cpu-s/s':>8}")
    first = 0.0
    for workers in options.workers:
        rate, busy, dry, cpu = _measure(workers, options)
        first = first or rate / workers
        threads = workers * options.threads
        shares = f"{rate * options.calls * options.call / threads:>9.0%} {busy / threads:>6.0%} {dry:>6.0%}"
        print(f"{workers:>8} {rate:>10.1f} {shares} {rate / first:>6.2f} {cpu:>8.2f}", flush=True)


def _measure(workers: int, options: argparse.Namespace) -> tuple[float, float, float, float]:
    """Windows a second while work is due, threads that collect, looks at an empty queue, CPU-seconds a second."""
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
        since, cpu, begun = datetime.now(UTC), sum(processes.cpu().values()), time.monotonic()
        settled, looks = _settled(servers), []
        with redis.Redis.from_url(servers.broker.get_secret_value()) as client:
            while time.monotonic() - begun < options.seconds:
                looks.append(client.llen("collect.stub") == 0)
                time.sleep(0.05)
        took, now = time.monotonic() - begun, datetime.now(UTC)
        rate = (_settled(servers) - settled) / took
        busy = float(str(query(servers, _BUSY, now, since, since, now)[0][0])) / took
        return rate, busy, sum(looks) / len(looks), (sum(processes.cpu().values()) - cpu) / took


def _works(servers: Servers, workers: int) -> bool:
    alive = query(servers, "SELECT count(*) FROM finfleet.processes WHERE role = 'worker stub'")[0][0]
    return alive == workers and _settled(servers) > 20 * workers


def _settled(servers: Servers) -> int:
    found = query(servers, "SELECT count(*) FROM finfleet.runs WHERE reported_at IS NOT NULL")[0][0]
    assert isinstance(found, int)  # noqa: S101 - count(*)
    return found


if __name__ == "__main__":
    main()
