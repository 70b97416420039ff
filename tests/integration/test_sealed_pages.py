"""Values that cannot be compressed are cut so that they fill pages, and come back to the bit."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr

from storage import partitions
from storage.database import Connection, Database
from storage.folding.points import fold_points
from storage.migrate import downgrade, migrate
from tests.support import writing as w
from tests.support.sealing import daily, hourly, make_series, rollups, values

DAY = date(2026, 11, 2)
MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
CLOSED = MIDNIGHT + timedelta(days=3)
PIECE = 1996
"""Bytes of the pieces that TOAST makes: four fill a page."""

Points = dict[datetime, float]


def every(seconds: int, value: Callable[[], float], *, but: int = 0, odd: int = 0) -> Points:
    """A day of one value each so many seconds, but for some of them; and some at any time."""
    dice = random.Random(seconds)
    starts = [MIDNIGHT + timedelta(seconds=second) for second in range(0, 86_400, seconds)]
    for gone in dice.sample(starts[1:], but):
        starts.remove(gone)
    starts += [MIDNIGHT + timedelta(seconds=dice.randrange(86_400)) for _ in range(odd)]
    return {start: value() for start in sorted(starts)}


def put(connection: Connection, points: Points) -> None:
    series = make_series(connection, "i-1", 300)
    partitions.create(connection, [("points", DAY)])
    connection.execute(
        "INSERT INTO finfleet.points SELECT %s, * FROM unnest(%s::timestamptz[], %s::float8[])",
        (series, list(points), list(points.values())),
    )


def seal(connection: Connection) -> None:
    while fold_points(connection, CLOSED):
        pass
    assert w.count(connection, "points") == 0


def check(connection: Connection, points: Points) -> None:
    assert values(connection) == {("i-1", start): value for start, value in points.items()}
    assert hourly(connection) == rollups({"i-1": points}, timedelta(hours=1))
    assert daily(connection) == rollups({"i-1": points}, timedelta(days=1))


def kept(connection: Connection) -> tuple[int, int | None, int]:
    """Values that lie in the first column and in the second, and the bytes of the first."""
    row = connection.execute(
        "SELECT cardinality(values), cardinality(more_values), pg_column_size(values) FROM finfleet.sealed_points"
    ).fetchone()
    assert row is not None
    return row


_DICE = random.Random(17)


def any_double() -> float:
    return _DICE.uniform(0, 100)


@pytest.mark.parametrize(
    ("points", "places"),
    [
        (every(300, any_double), (247, 41)),
        (every(60, any_double), (1245, 195)),
        (every(120, any_double), (496, 224)),
        (every(300, any_double, but=9), (243, 45)),
        # Seconds beside them.
        (every(300, any_double, odd=9), (247, 50)),
        # Not more than a piece holds.
        (every(900, any_double), (96, None)),
        # What can be compressed is so as a whole.
        (every(300, lambda: round(any_double(), 2)), (288, None)),
        (every(300, lambda: float(_DICE.randrange(1_000_000))), (288, None)),
        (every(300, lambda: 0.1), (288, None)),
    ],
)
def test_what_cannot_be_compressed_is_cut_and_comes_back(
    database: Database, points: Points, places: tuple[int, int | None]
) -> None:
    with database.connection() as connection:
        put(connection, points)
        seal(connection)
        check(connection, points)
        *found, size = kept(connection)
        assert tuple(found) == places
        if places[1]:
            assert PIECE - 100 <= (size - 1) % PIECE + 1 <= PIECE, "the last piece is nearly full"
        # What comes late is merged with both.
        late = {start: any_double() for start in (min(points), max(points), MIDNIGHT + timedelta(seconds=1))}
        put(connection, late)
        check(connection, points | late)
        seal(connection)
        check(connection, points | late)


def test_a_row_that_was_sealed_before_it_was_so_is_read_and_merged(database: Database) -> None:
    points = every(300, any_double)
    with database.connection() as connection:
        put(connection, points)
        seal(connection)
        connection.execute("UPDATE finfleet.sealed_points SET values = values || more_values, more_values = NULL")
        check(connection, points)
        late = {max(points): 1 / 3}
        put(connection, late)
        seal(connection)
        check(connection, points | late)
        assert kept(connection)[:2] == (247, 41)


def test_a_database_goes_back_and_forth_with_what_is_cut(database_url: str) -> None:
    points = every(300, any_double)
    with Database(SecretStr(database_url), size=1) as database, database.connection() as connection:
        put(connection, points)
        seal(connection)
    downgrade(SecretStr(database_url), "0016")
    migrate(SecretStr(database_url))
    with Database(SecretStr(database_url), size=1) as database, database.connection() as connection:
        check(connection, points)
        assert kept(connection)[:2] == (288, None)
        # The partitions that are there keep their values as those to come do.
        stored = connection.execute(
            "SELECT DISTINCT attname, attstorage::text FROM pg_attribute"
            " WHERE attrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'finfleet.sealed_points'::regclass)"
            "   AND attname IN ('values', 'more_values') ORDER BY 1"
        ).fetchall()
        assert stored == [("more_values", "m"), ("values", "x")]
