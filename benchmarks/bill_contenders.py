"""What `benchmarks.bills` compares, each in a process of its own that imports no more than it needs."""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import psycopg

from agents.core.bills.pinned import Pinned, PinnedFile, file_kind
from agents.core.bills.proving import read_delivery
from agents.core.bills.stores import open_store
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from benchmarks import bill_files
from telemetry.costs import CostLine
from telemetry.settings import Settings
from telemetry.settings.providers import Account
from telemetry.target import Window

WINDOW = Window(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
_PIECE = 2**20


def main() -> None:
    """Be one of them, and print what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=tuple(CONTENDERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("ending")
    parser.add_argument("address")
    arguments = parser.parse_args()
    print(json.dumps(_contend(arguments)))


def _contend(arguments: argparse.Namespace) -> dict[str, float]:
    began, used = time.monotonic(), time.process_time()
    count = CONTENDERS[arguments.contender](arguments.folder, arguments.ending, arguments.address)
    return {
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - used,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "lines": count,
    }


def lines(folder: Path, ending: str) -> Iterator[CostLine]:
    """The folded lines of the files with this ending."""
    shared = Shared(Settings.model_validate({"generic": {}}))
    account = Account(name="default", regions=(), services=(), queue="collect.generic")
    context = Context(shared, account, Meter(), time.monotonic() + 7200)
    store = open_store(f"file://{folder}", context)
    files = []
    for entry in store.list(""):
        if entry.key.endswith(ending):
            kind, compression = file_kind(entry.key)
            files.append(PinnedFile(entry=entry, format=kind, compression=compression))
    for record in read_delivery(context, store, Pinned(version="1", files=tuple(files)), bill_files.layout, WINDOW):
        if isinstance(record, CostLine):
            yield record


def _finfleet(folder: Path, ending: str, address: str) -> int:
    del address
    return sum(1 for _ in lines(folder, ending))


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


CONTENDERS: dict[str, Callable[[Path, str, str], int]] = {"finfleet": _finfleet, "DuckDB": _duckdb, "COPY": _copy}


if __name__ == "__main__":
    main()
