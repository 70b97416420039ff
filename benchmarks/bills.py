"""How fast a bill is read from files, beside DuckDB and COPY, and in how much memory: `python -m benchmarks.bills`.

A synthetic CUR of ten million lines, hourly and by resource, in Parquet and in gzip CSV. finfleet reads and folds it to
lines; DuckDB reads the same files into a table of its own; Postgres takes the same rows by COPY into a table. Each in a
process of its own, on the same files in one run. Then the folded lines are stored, to see how much room they take.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import bill_files, frame
from benchmarks.bill_contenders import CONTENDERS, WINDOW, lines
from benchmarks.servers import Servers, running
from storage.database import Connection, Database
from storage.writer import Received, write
from telemetry.batch import Batch, Points, Run
from telemetry.target import Target

LINES = 10_000_000
_STORED = 100_000
"""Lines that are stored, to weigh them."""
_BATCH = 5000
_FORMATS = {"Parquet": ".parquet", "CSV, gzip": ".csv.gz"}


def main() -> None:
    """Measure, and print the table."""
    parser = frame.parser(__doc__, scale=1.0)
    parser.add_argument("--folder", type=Path, help="with the files of a former run; they stay there")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="finfleet-") as name:
        folder = arguments.folder or Path(name)
        count = round(LINES * arguments.scale)
        if not list(folder.glob("*.csv.gz")):
            bill_files.write_bill(folder, count)
        with running() as servers:
            _measure(servers, folder, count)


def _measure(servers: Servers, folder: Path, count: int) -> None:
    found = {
        (name, kind): _start(name, folder, ending, servers)
        for kind, ending in _FORMATS.items()
        for name in CONTENDERS
        if (name, kind) != ("COPY", "Parquet")
    }
    columns = ("", "lines/s", "CPU seconds", "memory, MB")
    rows = [
        (f"{name}, {kind}", f"{count / one['seconds']:,.0f}", f"{one['cpu']:.1f}", f"{one['rss'] / 2**20:.0f}")
        for (name, kind), one in found.items()
    ]
    frame.show(f"A bill of {count:,} lines", columns, rows)
    folded = int(found["finfleet", "Parquet"]["lines"])
    with Database(servers.database, size=1) as database, database.connection() as connection:
        size, seconds, stored = _store(connection, folder)
    frame.say(f"{folded:,} lines after folding; {stored:,} of them stored in {seconds:.1f} s, {size:.0f} bytes a line")
    csv = "CSV, gzip"
    frame.conclude(
        {
            "lines": f"{count:,}",
            "finfleet / DuckDB, Parquet": f"{_ratio(found, 'DuckDB', 'finfleet', 'Parquet'):.2f}",
            "CSV": f"{_ratio(found, 'DuckDB', 'finfleet', csv):.2f}",
            "finfleet / COPY, CSV": f"{_ratio(found, 'COPY', 'finfleet', csv):.2f}",
            "peak memory": " and ".join(
                f"{found['finfleet', kind]['rss'] / 2**20:.0f} MB ({kind})" for kind in _FORMATS
            ),
            "lines a second and core": f"{count / found['finfleet', 'Parquet']['cpu']:,.0f}",
            "folded to": f"{folded:,} lines of {size:.0f} bytes, {size * folded / count:.1f} a line of the bill",
        }
    )


def _ratio(found: dict[tuple[str, str], dict[str, float]], other: str, ours: str, kind: str) -> float:
    """How many times as fast as the other one."""
    return found[other, kind]["seconds"] / found[ours, kind]["seconds"]


def _start(name: str, folder: Path, ending: str, servers: Servers) -> dict[str, float]:
    address = servers.database.get_secret_value()
    command = [sys.executable, "-m", "benchmarks.bill_contenders", name, str(folder), ending, address]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.decode()[-3000:]}")
    made: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    frame.say(f"{name}, {ending}: {made['seconds']:.0f} s")
    return made


def _store(connection: Connection, folder: Path) -> tuple[float, float, int]:
    """Bytes a line in Postgres, seconds, and how many were stored."""
    target = Target("aws", "account-1", "cur", "cost")
    connection.execute(
        """
        WITH t AS (
            INSERT INTO finfleet.targets
                   (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since,
                    planned_until)
            VALUES ('aws', 'account-1', 'cur', 'cost', 'collect.aws', 86400, 0, %(start)s, %(end)s)
            RETURNING target_id
        )
        INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt)
        SELECT target_id, %(start)s, %(end)s, 'dispatched', 1 FROM t
        """,
        {"start": WINDOW.start, "end": WINDOW.end},
    )
    before = _bytes(connection)
    run = Run.start(target, WINDOW, 1, WINDOW.end, "")
    some_lines = islice(lines(folder, ".parquet"), _STORED)
    count, seconds, number = 0, 0.0, 1
    some = list(islice(some_lines, _BATCH))
    while some:
        following = list(islice(some_lines, _BATCH))
        batch = Batch(run, number, not following, WINDOW.end, [], [], Points([], [], []), [], some)
        began = time.monotonic()
        write(connection, [Received(batch, b"")], destinations=[], now=WINDOW.end)
        seconds += time.monotonic() - began
        count, number, some = count + len(some), number + 1, following
    return (_bytes(connection) - before) / max(1, count), seconds, count


def _bytes(connection: Connection) -> int:
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'finfleet'::regnamespace"
        " AND relkind = 'r' AND relname LIKE 'cost%%'"
    ).fetchone()
    return int(row[0]) if row and row[0] else 0


if __name__ == "__main__":
    main()
