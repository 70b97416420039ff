"""How fast a bill is read from files, beside DuckDB and COPY, and in how much memory: `python -m benchmarks.bills`.

A synthetic CUR of ten million lines, hourly and by resource, in Parquet and in gzip CSV. finfleet reads and folds it to
lines; DuckDB reads the same files into a table of its own; Postgres takes the same rows by COPY into a table. Each in a
process of its own, on the same files in one run. Then the folded lines are stored, to see how much room they take.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import psycopg

from agents.core.bills.pinned import Pinned, PinnedFile, file_kind
from agents.core.bills.proving import read_delivery
from agents.core.bills.stores import open_store
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from benchmarks import bill_files, frame
from benchmarks.servers import Servers, running
from storage.database import Connection, Database
from storage.writer import Received, write
from telemetry.batch import Batch, Points, Run
from telemetry.costs import CostLine
from telemetry.settings import Settings
from telemetry.settings.providers import Account
from telemetry.target import Target, Window

LINES = 10_000_000
_WINDOW = Window(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
_STORED = 100_000
"""Lines that are stored, to weigh them."""
_BATCH = 5000
_PIECE = 2**20
_FORMATS = {"Parquet": ".parquet", "CSV, gzip": ".csv.gz"}


def main() -> None:
    """Measure, and print the table; or be one of the contenders."""
    parser = frame.parser(__doc__, scale=1.0)
    parser.add_argument("--contender", choices=tuple(_CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="with the files of a former run; they stay there")
    parser.add_argument("--ending", help=argparse.SUPPRESS)
    parser.add_argument("--address", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        print(json.dumps(_contend(arguments)))
        return
    with TemporaryDirectory(prefix="finfleet-") as name:
        folder = arguments.folder or Path(name)
        lines = round(LINES * arguments.scale)
        if not list(folder.glob("*.csv.gz")):
            bill_files.write_bill(folder, lines)
        with running() as servers:
            _measure(servers, folder, lines)


def _measure(servers: Servers, folder: Path, lines: int) -> None:
    found = {
        (name, kind): _start(name, folder, ending, servers)
        for kind, ending in _FORMATS.items()
        for name in _CONTENDERS
        if (name, kind) != ("COPY", "Parquet")
    }
    columns = ("", "lines/s", "CPU seconds", "memory, MB")
    rows = [
        (f"{name}, {kind}", f"{lines / one['seconds']:,.0f}", f"{one['cpu']:.1f}", f"{one['rss'] / 2**20:.0f}")
        for (name, kind), one in found.items()
    ]
    frame.show(f"A bill of {lines:,} lines", columns, rows)
    folded = int(found["finfleet", "Parquet"]["lines"])
    with Database(servers.database, size=1) as database, database.connection() as connection:
        size, seconds, stored = _store(connection, folder)
    frame.say(f"{folded:,} lines after folding; {stored:,} of them stored in {seconds:.1f} s, {size:.0f} bytes a line")
    csv = "CSV, gzip"
    frame.conclude(
        {
            "lines": f"{lines:,}",
            "finfleet / DuckDB, Parquet": f"{_ratio(found, 'DuckDB', 'finfleet', 'Parquet'):.2f}",
            "CSV": f"{_ratio(found, 'DuckDB', 'finfleet', csv):.2f}",
            "finfleet / COPY, CSV": f"{_ratio(found, 'COPY', 'finfleet', csv):.2f}",
            "peak memory": " and ".join(
                f"{found['finfleet', kind]['rss'] / 2**20:.0f} MB ({kind})" for kind in _FORMATS
            ),
            "lines a second and core": f"{lines / found['finfleet', 'Parquet']['cpu']:,.0f}",
            "folded to": f"{folded:,} lines of {size:.0f} bytes, {size * folded / lines:.1f} a line of the bill",
        }
    )


def _ratio(found: dict[tuple[str, str], dict[str, float]], other: str, ours: str, kind: str) -> float:
    """How many times as fast as the other one."""
    return found[other, kind]["seconds"] / found[ours, kind]["seconds"]


def _start(name: str, folder: Path, ending: str, servers: Servers) -> dict[str, float]:
    address = servers.database.get_secret_value()
    command = [sys.executable, "-m", "benchmarks.bills", "--contender", name, "--folder", str(folder)]
    done = subprocess.run([*command, "--ending", ending, "--address", address], capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.decode()[-3000:]}")
    made: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return made


def _contend(arguments: argparse.Namespace) -> dict[str, float]:
    began, used = time.monotonic(), time.process_time()
    lines = _CONTENDERS[arguments.contender](arguments.folder, arguments.ending, arguments.address)
    return {
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - used,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "lines": lines,
    }


def _lines(folder: Path, ending: str) -> Iterator[CostLine]:
    shared = Shared(Settings.model_validate({"generic": {}}))
    account = Account(name="default", regions=(), services=(), queue="collect.generic")
    context = Context(shared, account, Meter(), time.monotonic() + 7200)
    store = open_store(f"file://{folder}", context)
    files = []
    for entry in store.list(""):
        if entry.key.endswith(ending):
            kind, compression = file_kind(entry.key)
            files.append(PinnedFile(entry=entry, format=kind, compression=compression))
    for record in read_delivery(context, store, Pinned(version="1", files=tuple(files)), bill_files.layout, _WINDOW):
        if isinstance(record, CostLine):
            yield record


def _finfleet(folder: Path, ending: str, address: str) -> int:
    del address
    return sum(1 for _ in _lines(folder, ending))


def _duckdb(folder: Path, ending: str, address: str) -> int:
    del address
    reader = "read_parquet" if ending == ".parquet" else "read_csv"
    with TemporaryDirectory(prefix="finfleet-") as name:
        connection = duckdb.connect(f"{name}/bill.duckdb")
        connection.execute(f"CREATE TABLE bill AS SELECT * FROM {reader}('{folder}/*{ending}')")  # noqa: S608 - our own
        row = connection.execute("SELECT count(*) FROM bill").fetchone()
        connection.close()
    return row[0] if row else 0


def _copy(folder: Path, ending: str, address: str) -> int:
    files = sorted(folder.glob(f"*{ending}"))
    with gzip.open(files[0], "rt", encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    columns = ", ".join(f"{name} {bill_files.TYPES.get(name, 'text')}" for name in names)
    with psycopg.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bill ({columns})".encode())
        count = 0
        for path in files:
            with gzip.open(path) as packed, cursor.copy(b"COPY bill FROM STDIN (FORMAT csv, HEADER)") as copy:
                while piece := packed.read(_PIECE):
                    copy.write(piece)
            count += cursor.rowcount
        cursor.execute(b"DROP TABLE bill")
    return count


_CONTENDERS: dict[str, Callable[[Path, str, str], int]] = {"finfleet": _finfleet, "DuckDB": _duckdb, "COPY": _copy}


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
        {"start": _WINDOW.start, "end": _WINDOW.end},
    )
    before = _bytes(connection)
    run = Run.start(target, _WINDOW, 1, _WINDOW.end, "")
    lines = islice(_lines(folder, ".parquet"), _STORED)
    count, seconds, number = 0, 0.0, 1
    some = list(islice(lines, _BATCH))
    while some:
        following = list(islice(lines, _BATCH))
        batch = Batch(run, number, not following, _WINDOW.end, [], [], Points([], [], []), [], some)
        began = time.monotonic()
        write(connection, [Received(batch, b"")], destinations=[], now=_WINDOW.end)
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
