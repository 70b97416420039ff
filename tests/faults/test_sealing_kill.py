"""kill -9 in the middle of sealing, while points come late: the views are those of an independent computation."""

import random
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from psycopg.errors import CheckViolation

from storage import partitions
from storage.database import Connection, Database
from tests.support import writing
from tests.support.prepared import prepared
from tests.support.sealing import daily, hourly, make_series, rollups, values
from tests.support.waiting import until

KILLS = 6
SERIES = 40
DAYS = 2
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
_PROGRAM = "tests.support.sealing_run:main"
CLOSED = FIRST + timedelta(days=DAYS + 2)


def test_kills_lose_nothing_and_double_nothing(database: Database, database_url: str, tmp_path: Path) -> None:
    chance = random.Random(8)
    wanted: dict[str, dict[datetime, float]] = {}
    environment = {"FINFLEET_DATABASE_URL": database_url}
    with prepared("tests.support.sealing_run") as programs, database.connection() as connection:
        ids = {f"i-{place}": make_series(connection, f"i-{place}", 300) for place in range(SERIES)}
        for name in ids:
            starts = [FIRST + timedelta(minutes=5 * place) for place in range(288 * DAYS)]
            write(connection, ids, wanted, {(name, start): chance.uniform(0, 100) for start in starts})
        for _ in range(KILLS):
            write(connection, ids, wanted, late(chance, ids))
            before = sealed(connection)
            with programs.running(_PROGRAM, ["sealing", CLOSED.isoformat()], environment, tmp_path / "log"):
                until(partial(_further, connection, before), what="something is sealed")
                write(connection, ids, wanted, late(chance, ids))
                threading.Event().wait(chance.uniform(0, 0.05))  # anywhere in the next transactions
            check(connection, wanted)
        with programs.running(_PROGRAM, ["sealing", CLOSED.isoformat()], environment, tmp_path / "log"):
            until(lambda: not partitions.partitions_of(connection, "points"), 60, "all is sealed, and dropped")
        check(connection, wanted)
        assert writing.count(connection, "sealed_points") == SERIES * DAYS


def _further(connection: Connection, before: tuple[object, ...]) -> bool:
    return sealed(connection) != before


def late(chance: random.Random, ids: dict[str, int]) -> dict[tuple[str, datetime], float]:
    """A few points, of which some replace another."""
    return {
        (
            chance.choice([*ids]),
            FIRST + timedelta(seconds=300 * chance.randrange(DAYS * 288) + chance.choice([0, 7])),
        ): chance.random()
        for _ in range(50)
    }


def write(
    connection: Connection,
    ids: dict[str, int],
    wanted: dict[str, dict[datetime, float]],
    points: dict[tuple[str, datetime], float],
) -> None:
    """As the writer does: into the day's partition, which is made where it is gone."""
    for (name, start), value in points.items():
        wanted.setdefault(name, {})[start] = value
    rows = sorted((ids[name], start, value) for (name, start), value in points.items())
    while True:
        partitions.create(connection, {("points", start.date()) for _, start in points})
        with suppress(CheckViolation):  # a partition that was empty is gone again
            connection.execute(
                """
                INSERT INTO finfleet.points
                SELECT * FROM unnest(%s::int[], %s::timestamptz[], %s::float8[])
                    ON CONFLICT (series_id, start) DO UPDATE SET value = excluded.value
                """,
                [list(column) for column in zip(*rows, strict=True)],
            )
            return


def sealed(connection: Connection) -> tuple[object, ...]:
    """What changes when something is sealed."""
    row = connection.execute(
        "SELECT count(*), sum(count), (SELECT count(*) FROM finfleet.points) FROM finfleet.points_daily"
    ).fetchone()
    assert row is not None
    return row


def check(connection: Connection, wanted: dict[str, dict[datetime, float]]) -> None:
    assert values(connection) == {(name, start): value for name, of in wanted.items() for start, value in of.items()}
    assert hourly(connection) == rollups(wanted, timedelta(hours=1))
    assert daily(connection) == rollups(wanted, timedelta(days=1))
