"""From the close of a window to its row in Postgres, at so many windows a minute; default settings."""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import frame
from benchmarks.processes import fleet, query, until
from benchmarks.servers import Servers, running

_INTERVAL = 60
_LATENCIES = """
SELECT extract(epoch FROM b.committed_at - r.window_end)::float8
  FROM finfleet.batches AS b JOIN finfleet.runs AS r USING (run_id)
 WHERE r.window_end > %s AND r.window_end <= %s AND b.number = 1
 ORDER BY 1
"""
_DUE = "SELECT count(*) FROM finfleet.collections WHERE window_end > %s AND window_end <= %s"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="that the fleet is watched; whole minutes count")
    parser.add_argument("--windows", type=int, default=1000, help="that close each minute, all at once")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--call", type=float, default=0.05, help="seconds that a window takes its worker")
    options = parser.parse_args()
    minutes = max(1, round(options.seconds / _INTERVAL))
    with running() as servers, tempfile.TemporaryDirectory(prefix="finfleet-") as folder:
        closed, stored = _measure(servers, Path(folder) / "fleet", options, minutes)
    print(f"{closed} windows closed in {minutes} minutes, {len(stored)} of them are stored; {options.workers} workers")
    print(f"{'':>8} {'seconds':>8}")
    found = {
        name: stored[min(len(stored) - 1, int(part * len(stored)))]
        for name, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1.0))
    }
    for name, seconds in found.items():
        print(f"{name:>8} {seconds:>8.2f}")
    frame.conclude(
        {
            "windows a minute, closed at once": str(options.windows),
            **{name: f"{found[name]:.1f} s" for name in ("p50", "p99")},
            "workers": str(options.workers),
        }
    )


def _measure(servers: Servers, folder: Path, options: argparse.Namespace, minutes: int) -> tuple[int, list[float]]:
    accounts, regions = max(1, options.windows // 20), min(20, options.windows)
    configuration = {
        "stub": {
            "services": ["quick1"],
            "accounts": [{"name": f"account-{number}"} for number in range(accounts)],
            "regions": [f"region-{number}" for number in range(regions)],
            "collection_interval": _INTERVAL,
        }
    }
    with fleet(servers, folder, configuration) as processes:
        processes.start("ingest")
        processes.start("worker", "plan")
        processes.start("worker", "stub", count=options.workers, STUB_SECONDS=str(options.call))
        alive = "SELECT count(*) FROM finfleet.processes WHERE role = 'worker stub'"
        until(lambda: query(servers, alive)[0][0] == options.workers, 120, "all workers live")
        until(lambda: query(servers, "SELECT count(*) FROM finfleet.targets")[0][0] != 0, 60, "targets are planned")
        first = (int(time.time()) // _INTERVAL + 1) * _INTERVAL
        since, end = (
            datetime.fromtimestamp(first - 1, UTC),
            datetime.fromtimestamp(first + (minutes - 1) * _INTERVAL, UTC),
        )
        time.sleep(max(0.0, end.timestamp() + 1 - time.time()))
        closed = query(servers, _DUE, since, end)[0][0]
        assert isinstance(closed, int)  # noqa: S101 - count(*)
        until(lambda: len(query(servers, _LATENCIES, since, end)) == closed, 120, "all are stored")
        return closed, [float(str(row[0])) for row in query(servers, _LATENCIES, since, end)]


if __name__ == "__main__":
    main()
