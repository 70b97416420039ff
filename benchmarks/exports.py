"""What an export of FOCUS takes of a seeded year: `python -m benchmarks.exports`.

Each by the command, in a process of its own: its peak memory, and that of a week of the same bill, which has to be
about the same; seconds of its CPU, and of the clock with those of Postgres in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import frame
from benchmarks.servers import Servers, running
from benchmarks.year import seed as year
from storage.database import Database

_MB = 1_000_000
_KINDS = (
    ("Parquet", "parquet", ()),
    ("CSV", "csv", ("--format", "csv")),
    ("CSV, gzip", "csv.gz", ("--format", "csv", "--compress")),
)


class Run(NamedTuple):
    """Of one command."""

    name: str
    bytes: int
    peak: int
    cpu: float
    seconds: float


def main() -> None:
    """Measure, and print the table."""
    scale = frame.parser(__doc__, scale=0.1).parse_args().scale
    with running() as servers, TemporaryDirectory(prefix="finfleet-") as folder:
        with Database(servers.database, size=1) as database, database.connection() as connection:
            now = year.clock(connection)
            year.seed(connection, year.Size(scale), now)
            (rows,) = connection.execute("SELECT count(*) FROM reporting.focus_1_4").fetchone() or (0,)
        runs = list(_runs(servers, now, Path(folder)))
    frame.show(
        f"{rows:,} charges of a year, written as Cost and Usage of FOCUS 1.4",
        ("", "file, MB", "peak, MB", "CPU, s", "clock, s"),
        [[run.name, *(f"{n:.1f}" for n in (run.bytes / _MB, run.peak / _MB, run.cpu, run.seconds))] for run in runs],
    )
    figures = {run.name: f"{run.peak / _MB:.0f} MB, {run.cpu:.1f} CPU s" for run in runs}
    frame.conclude({"charges": f"{rows:,}", **figures})


def _runs(servers: Servers, now: datetime, folder: Path) -> Iterator[Run]:
    for name, ending, words in _KINDS:
        path = folder / f"year.{ending}"
        yield _run(servers, name, path, *words)
        if ending == "parquet":
            since = f"{now - 7 * year.DAY:%Y-%m-%d}"
            yield _run(servers, f"{name}, a week", folder / f"week.{ending}", *words, "--from", since)


def _run(servers: Servers, name: str, path: Path, *words: str) -> Run:
    command = [sys.executable, "-m", "workers.cli", "export", "focus", "--output", str(path), *words]
    environment = {**os.environ, "FINFLEET_DATABASE_URL": servers.database.get_secret_value()}
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: it ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    seconds = time.monotonic() - began
    return Run(name, path.stat().st_size, usage.ru_maxrss * unit, usage.ru_utime + usage.ru_stime, seconds)


if __name__ == "__main__":
    main()
