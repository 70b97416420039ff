"""A database of the release that did not seal points: migrated in place, sealed bit by bit, written to by both."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from storage.database import Connection, Database
from storage.folding.points import fold_points
from storage.maintenance import maintain
from storage.migrate import migrate
from storage.retention import Kept
from tests.support.databases import create_database, drop_database
from tests.support.sealing import daily, hourly, make_series, rollups, values
from workers.embedded import EmbeddedPostgres

_BEFORE = "0011"
_FIRST = datetime(2026, 10, 30, tzinfo=UTC)
_DAYS = 4
_NOW = _FIRST + timedelta(days=_DAYS + 1)
_MERGE = """
INSERT INTO finfleet.points AS p (series_id, start, value)
SELECT *
  FROM unnest(%(series)s::int[], %(start)s::timestamptz[], %(value)s::float8[])
    ON CONFLICT (series_id, start) DO UPDATE
   SET value = excluded.value
 WHERE p.value IS DISTINCT FROM excluded.value
"""
"""As the former release merges."""


@pytest.fixture
def former(postgres_server: EmbeddedPostgres) -> Iterator[SecretStr]:
    server = postgres_server.url.get_secret_value()
    url = create_database(server)
    migrate(SecretStr(url), _BEFORE)
    yield SecretStr(url)
    drop_database(server, url)


def test_what_is_there_is_sealed_and_both_releases_write(former: SecretStr) -> None:
    wanted: dict[str, dict[datetime, float]] = {}
    with Database(former) as database, database.connection() as connection:
        write(connection, wanted, {hour: float(hour) for hour in range(24 * _DAYS)})
        migrate(former)
        check(connection, wanted)
        assert fold_points(connection, _NOW, points=1) > 0
        check(connection, wanted)
        # A former ingest that still runs: late, again, and of now.
        write(connection, wanted, {3: -1.0, 30: -2.0, 24 * _DAYS + 23: 5.0})
        check(connection, wanted)
        maintain(database, _NOW, Kept())
        check(connection, wanted)
        write(connection, wanted, {0: 7.0})
        check(connection, wanted)
        maintain(database, _NOW, Kept())
        check(connection, wanted)
        (left,) = connection.execute("SELECT count(*) FROM finfleet.points").fetchone() or (None,)
        assert left == 2, "only the last hour is not sealed"


def write(connection: Connection, wanted: dict[str, dict[datetime, float]], points: dict[int, float]) -> None:
    """Values by their hour, of two resources."""
    starts = [_FIRST + timedelta(hours=hour) for hour in points]
    for day in sorted({start.date() for start in starts}):
        partition = f"finfleet.points_{day:%Y%m%d}"
        if connection.execute("SELECT to_regclass(%s) IS NULL", (partition,)).fetchone() == (True,):
            connection.execute(f"CREATE TABLE {partition} (LIKE finfleet.points INCLUDING ALL)".encode())
            bounds = f"FROM ('{day}T00:00:00Z') TO ('{day + timedelta(days=1)}T00:00:00Z')"
            connection.execute(f"ALTER TABLE finfleet.points ATTACH PARTITION {partition} FOR VALUES {bounds}".encode())
    for name in ("i-1", "i-2"):
        series = make_series(connection, name, 3600)
        columns = {"series": [series] * len(starts), "start": starts, "value": list(points.values())}
        connection.execute(_MERGE, columns)
        wanted.setdefault(name, {}).update(zip(starts, points.values(), strict=True))


def check(connection: Connection, wanted: dict[str, dict[datetime, float]]) -> None:
    assert values(connection) == {(name, start): value for name, of in wanted.items() for start, value in of.items()}
    assert hourly(connection) == rollups(wanted, timedelta(hours=1))
    assert daily(connection) == rollups(wanted, timedelta(days=1))
