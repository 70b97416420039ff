"""A database that is restored from a backup, as docs/backup.md says: the fleet goes on, and nothing is there twice."""

import subprocess
import uuid
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from storage import ledger
from storage.database import Connection, Database
from storage.migrate import check_drift, migrate
from storage.revision import check_migrated
from telemetry.batch import Run
from tests.support import writing
from tests.support.databases import create_database, drop_database
from tests.support.granting import granted
from tests.support.ledger import NOW, minutes, overlaps, plan, sync, take, windows
from workers.embedded import EmbeddedPostgres
from workers.embedded.binaries import find_postgres

_SUMS = """
SELECT count(*), count(DISTINCT (series_id, start)), sum(value)
  FROM finfleet.points
"""


def _collect(connection: Connection, clock: datetime) -> list[Run]:
    """A turn of planner, worker and ingest: everything that is due, with a point for each minute."""
    ledger.open_windows(connection, "aws", "ec2", clock)
    runs = []
    for one in take(connection, clock):
        grant = granted(one.target, one.window, one.attempt)
        runs.append(Run(uuid.uuid4(), one.target, one.window, one.attempt, clock, grant))
        _write(connection, runs[-1], clock)
    return runs


def _write(connection: Connection, run: Run, clock: datetime) -> None:
    points = [("i-1", minute, float(run.window.start.minute + minute)) for minute in range(5)]
    writing.put(connection, writing.batch(run, points=points), writing.report(run), now=clock)


def _program(name: str, *words: str) -> None:
    program = find_postgres().postgres.with_name(name)
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_after_a_restore_the_fleet_collects_what_the_backup_lacks(
    postgres_server: EmbeddedPostgres, database: Database, database_url: str, tmp_path: Path
) -> None:
    backup = tmp_path / "finfleet.dump"
    later, now = NOW + minutes(30), NOW + minutes(60)
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)))
        before = _collect(connection, NOW)
        _program("pg_dump", "--format=custom", f"--file={backup}", database_url)
        between = _collect(connection, later)
        _collect(connection, now)
        whole, all_windows = connection.execute(_SUMS).fetchone(), windows(connection)
    assert before
    assert between
    server = postgres_server.url.get_secret_value()
    url = create_database(server)
    try:
        _program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", str(backup))
        # Postgres writes a view in its own words when it dumps one; this makes it again.
        migrate(SecretStr(url))
        check_drift(SecretStr(url))
        with Database(SecretStr(url)) as restored, restored.connection() as connection:
            check_migrated(connection)
            # A result that was on its way during the restore, and one that the backup has already.
            _write(connection, between[0], now)
            _write(connection, before[0], now)
            sync(connection, plan(backfill=minutes(60)), now=now)
            _collect(connection, now)
            assert ledger.is_settled(connection)
            assert windows(connection) == all_windows
            assert overlaps([*all_windows]) == []
            sums = connection.execute(_SUMS).fetchone()
            assert sums == whole
            assert sums is not None
            assert sums[0] == sums[1] == 5 * len(all_windows)
    finally:
        drop_database(server, url)
