"""The other ways to bring the same points into the same table: the limits, and what one would write first."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
from psycopg import conninfo, sql
from sqlalchemy import Connection as CoreConnection
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql import insert

from benchmarks.servers import Servers
from storage.tables import points
from storage.writer.columns import Keys, Values, points_as_copy
from workers.embedded.binaries import find_postgres

_MERGE = """
INSERT INTO finfleet.points AS p SELECT * FROM staged
    ON CONFLICT (series_id, start) DO UPDATE SET value = excluded.value
 WHERE p.value IS DISTINCT FROM excluded.value
"""
_SQLALCHEMY_ROWS = 40_000
"""So many are enough to know its rate."""
_STATEMENT_ROWS = 1000


@dataclass(frozen=True)
class Rows:
    """Points by transaction, as arrays and as files for COPY."""

    parts: Sequence[tuple[Keys, Values]]
    files: Sequence[Path]

    @property
    def count(self) -> int:
        """Of all points."""
        return sum(len(keys) for keys, _ in self.parts)


def write_files(parts: Sequence[tuple[Keys, Values]], folder: Path, name: str) -> Rows:
    """Put each transaction's points into a file that both the server and psql can read."""
    files = []
    for number, part in enumerate(parts):
        path = folder / f"{name}-{number}.bin"
        path.write_bytes(points_as_copy(*part))
        path.chmod(0o644)
        files.append(path)
    return Rows(parts, files)


def server_side_merge(servers: Servers, rows: Rows) -> float:
    """COPY from the server's own files into a temporary table, then INSERT ... ON CONFLICT: the limit."""
    with _connect(servers) as connection:
        connection.execute("CREATE TEMP TABLE staged (LIKE finfleet.points) ON COMMIT DELETE ROWS")
        return _timed(lambda: _each_file(connection, rows, "staged", _MERGE))


def server_side_copy(servers: Servers, rows: Rows) -> float:
    """COPY from the server's own files straight into the table: no merge, so nothing may be there already."""
    with _connect(servers) as connection:
        return _timed(lambda: _each_file(connection, rows, "finfleet.points", None))


def psql_copy(servers: Servers, rows: Rows) -> float | None:
    r"""``psql \copy`` straight into the table. None where there is no psql."""
    beside = find_postgres().postgres.with_name("psql")
    program = str(beside) if beside.exists() else shutil.which("psql")
    if program is None:
        return None
    target = conninfo.conninfo_to_dict(servers.database.get_secret_value())
    environment = {"PGPASSWORD": str(target.pop("password")), "PATH": os.environ["PATH"]}
    address = conninfo.make_conninfo("", **target)
    copies = [f"\\copy finfleet.points from '{path}' (format binary)" for path in rows.files]
    script = "\n".join(["\\set ON_ERROR_STOP on", *copies])
    command = [program, "--no-psqlrc", "--quiet", address]
    return _timed(lambda: subprocess.run(command, input=script.encode(), env=environment, check=True))


def psycopg_copy(servers: Servers, rows: Rows) -> float:
    """psycopg, COPY row by row straight into the table."""
    with _connect(servers) as connection:

        def run() -> None:
            for keys, values in rows.parts:
                with connection.cursor().copy("COPY finfleet.points FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["int4", "timestamptz", "float8"])
                    for row in _as_rows(keys, values):
                        copy.write_row(row)

        return _timed(run)


def sqlalchemy_upsert(servers: Servers, rows: Rows) -> float:
    """SQLAlchemy Core, 1,000 rows a statement: seconds for as many rows as the others had."""
    url = servers.database.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url)
    keys, values = rows.parts[0]
    some = list(_as_rows(keys[:_SQLALCHEMY_ROWS], values[:_SQLALCHEMY_ROWS]))
    with engine.begin() as connection:
        spent = _timed(lambda: _upsert(connection, some))
    engine.dispose()
    return spent * rows.count / len(some)


def _upsert(connection: CoreConnection, rows: Sequence[tuple[int, datetime, float]]) -> None:
    statement = insert(points)
    statement = statement.on_conflict_do_update(
        index_elements=["series_id", "start"], set_={"value": statement.excluded.value}
    )
    for first in range(0, len(rows), _STATEMENT_ROWS):
        part = rows[first : first + _STATEMENT_ROWS]
        connection.execute(
            statement.values([dict(zip(("series_id", "start", "value"), row, strict=True)) for row in part])
        )


def _each_file(connection: psycopg.Connection, rows: Rows, table: str, after: str | None) -> None:
    name = sql.Identifier(*table.split("."))
    for path in rows.files:
        with connection.transaction():
            connection.execute(sql.SQL("COPY {} FROM {} (FORMAT BINARY)").format(name, sql.Literal(str(path))))
            if after:
                connection.execute(after.encode())


def _as_rows(keys: Keys, values: Values) -> list[tuple[int, datetime, float]]:
    series = (keys >> np.uint64(32)).tolist()
    starts = (keys & np.uint64(0xFFFF_FFFF)).tolist()
    moments = [datetime.fromtimestamp(start, tz=UTC) for start in starts]
    return list(zip(series, moments, values.tolist(), strict=True))


def _connect(servers: Servers) -> psycopg.Connection:
    return psycopg.connect(servers.database.get_secret_value(), autocommit=True)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
