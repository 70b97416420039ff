"""The benchmark of calls runs: what it measures is nobody's test."""

import subprocess
import sys
from pathlib import Path


def test_it_measures_an_account_of_one_instance() -> None:
    command = [sys.executable, "-W", "error", "-m", "benchmarks.aws_calls", "--instances", "1", "--latency-ms", "1"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    ours, theirs = done.stdout.split("beside a GetMetricStatistics")
    # Calls, the least possible, their ratio, calls with prices known: the listing, the metrics, and a price before.
    assert _last_row(ours)[:6] == ["1", "1", "3", "3", "1.00", "2"]
    assert _last_row(theirs)[:3] == ["1", "5", "2.5"]


def _last_row(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("│")][-1].replace("│", "").split()
