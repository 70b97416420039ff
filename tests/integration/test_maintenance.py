"""`finfleet db maintain` and `finfleet db size`, and the steps of maintenance."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from storage import partitions
from storage.database import Connection, Database
from storage.errors import StorageError, StorageUnavailable
from storage.folding.points import DROP_AFTER
from storage.maintenance import STEPS, Done, Step, maintain
from storage.names import PARTITIONED
from storage.retention import Kept
from tests.support import writing as w
from tests.support.command_runs import RunsFinfleet
from tests.support.commands import CommandLine
from tests.support.sealing import daily, hourly, make_series, values
from tests.support.terminals import on_terminal

_FOREVER = Kept()
_DAY = date(2026, 1, 5)
_CLOSED = datetime(2026, 1, 6, tzinfo=UTC) + DROP_AFTER
_SECOND = timedelta(seconds=1)


def points(connection: Connection, day: date = _DAY) -> None:
    """A value every five minutes of a day."""
    partitions.create(connection, [("points", day)])
    connection.execute(
        """
        INSERT INTO finfleet.points
        SELECT %s, (%s::timestamp AT TIME ZONE 'UTC') + place * interval '5 minutes', place
          FROM generate_series(0, 287) AS g(place)
        """,
        (make_series(connection, "i-1", 300), day),
    )


def counts(done: list[Done]) -> dict[str, int]:
    assert not [one for one in done if one.error]
    return {one.step: one.count for one in done if one.count}


@pytest.fixture
def command(database_url: str, tmp_path: Path, finfleet_program: RunsFinfleet) -> CommandLine:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "telemetry.yaml").write_text("retention: {hourly: 7d}", encoding="utf-8")
    return CommandLine(tmp_path, database_url, "redis://127.0.0.1:1/0", finfleet_program)


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_folds_and_forgets_and_says_so(database: Database, command: CommandLine) -> None:
    with database.connection() as connection:
        points(connection)
        done = {one["step"]: one for one in json.loads(command.run("db", "maintain", "--json").stdout)}
        assert [*done] == [*(step.name for step in STEPS), "anomalies", "forecasts"]
        assert all(one["finished"] and not one["error"] for one in done.values())
        assert {name: one["count"] for name, one in done.items() if one["count"]}.items() >= {
            "seal": 288,
            "sealed days": 1,
            "partitions": done["partitions"]["count"],
        }.items()
        assert len(values(connection)) == 288
        assert len(daily(connection)) == 1
        again = command.run("db", "maintain", "--for", "60").stdout.decode()
        assert "0 points sealed" in again


def test_one_step_that_fails_keeps_no_other_from_its_work(database: Database, command: CommandLine) -> None:
    with database.connection() as connection:
        points(connection)
        connection.execute("DROP TABLE finfleet.suspects")
    told = command.run("db", "maintain", status=1).stdout.decode()
    assert "288 points sealed" in told
    assert "failed: " in told
    assert "suspects" in told


def test_a_database_that_takes_no_changes_is_told_of_once(
    database: Database, database_url: str, command: CommandLine
) -> None:
    with database.connection() as connection:
        points(connection)
        name = sql.Identifier(urlsplit(database_url).path.removeprefix("/"))
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only TO on").format(name))
    done = command.run("db", "maintain", status=69)
    assert (done.stdout + done.stderr).decode().count("it takes no changes now") == 1


def test_size_says_what_lies_where(database: Database, database_url: str, command: CommandLine) -> None:
    with database.connection() as connection:
        w.plan(connection)
        for place in range(3):
            points(connection, _DAY + timedelta(days=place))
        maintain(database, _CLOSED + timedelta(days=1), _FOREVER)
        points(connection, _DAY + timedelta(days=9))
        connection.execute("ANALYZE")
    found = json.loads(command.run("db", "size", "--json").stdout)
    kinds: dict[str, dict[str, Any]] = {one["kind"]: one for one in found["kinds"]}
    assert kinds["points, hot"]["rows"] == 288
    assert kinds["points, hot"]["year"] == pytest.approx(288 * 3 / 24 * kinds["points, hot"]["bytes_a_row"], abs=1)
    assert kinds["points, sealed"]["rows"] == kinds["points, daily"]["rows"] == 3
    assert kinds["ledger, hot"]["year"] > 0
    assert kinds["ledger, folded"]["year"] is None
    assert kinds["bills"]["year"] is None
    # Of a year of hourly rollups seven days are kept.
    a_day = kinds["points, hourly"]["bytes_a_row"]
    assert kinds["points, hourly"]["year"] == pytest.approx(7 * a_day, abs=1)
    assert found["sealed_point_bytes"] == pytest.approx(kinds["points, sealed"]["bytes"] / 864)
    with database.connection() as connection:
        (whole,) = connection.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relnamespace = 'finfleet'::regnamespace AND relkind = 'r'"
        ).fetchone() or (0,)
    assert sum(one["bytes"] for one in kinds.values()) == whole
    with on_terminal(["db", "size"], command._environment({}), command.directory) as shown:
        assert shown.wait() == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.text).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    assert "a year" in lines[0]


# The steps ------------------------------------------------------------------------------------------------------------


def test_time_is_shared_and_ends(database: Database) -> None:
    done = {"endless": 0, "other": 0}

    def count(name: str) -> Step:
        def run(_connection: Connection, _now: datetime, _kept: Kept) -> int:
            done[name] += 1
            return 1

        return Step(name, "pieces", run)

    found = maintain(database, _CLOSED, _FOREVER, _SECOND / 5, steps=[count("endless"), count("other")])
    assert [one.finished for one in found] == [False, False]
    assert 0 <= done["endless"] - done["other"] <= 1


def test_a_step_that_failed_is_not_tried_again(database: Database) -> None:
    def fail(_connection: Connection, _now: datetime, _kept: Kept) -> int:
        raise StorageUnavailable("not now")

    found = maintain(database, _CLOSED, _FOREVER, steps=[Step("one", "pieces", fail)])
    assert isinstance(found[0].error, StorageError)


def test_partitions_are_made_ahead_so_that_nobody_waits_at_midnight(database: Database) -> None:
    with database.connection() as connection:
        late = datetime(2026, 12, 30, 23, 59, tzinfo=UTC)
        assert counts(maintain(database, late, _FOREVER)) == {"partitions": 2 * 3 + 2 * 2 + 2}
        for table in PARTITIONED:
            assert date(2027, 1, 1) in {
                first + timedelta(days=place)
                for _, first, end in partitions.partitions_of(connection, table)
                for place in range((end - first).days)
            }


def test_each_kind_is_kept_for_its_own_time(database: Database) -> None:
    day = timedelta(days=1)
    kept = Kept(points=30 * day, hourly=100 * day, daily=400 * day)
    with database.connection() as connection:
        points(connection)
        assert counts(maintain(database, _CLOSED, kept))["seal"] == 288
        begin = datetime(2026, 2, 1, tzinfo=UTC)
        seen = []
        for days in (0, 29, 31, 101, 740):
            maintain(database, begin + days * day, kept)
            seen.append((len(values(connection)), len(hourly(connection)), len(daily(connection))))
        assert seen == [(288, 24, 1), (288, 24, 1), (0, 24, 1), (0, 0, 1), (0, 0, 0)]


def test_points_that_are_kept_for_a_day_are_sealed_before_they_go(database: Database) -> None:
    kept = Kept(points=timedelta(hours=6))
    with database.connection() as connection:
        points(connection)
        assert counts(maintain(database, datetime(2026, 1, 6, 6, tzinfo=UTC), kept))["seal"] == 288
        assert len(daily(connection)) == 1


def test_a_month_into_which_something_was_sealed_lately_stays(database: Database) -> None:
    kept = Kept(points=timedelta(days=30))
    later = datetime(2026, 11, 1, tzinfo=UTC)
    with database.connection() as connection:
        points(connection)  # a back-fill: its other half may come tomorrow
        assert counts(maintain(database, later, kept)).keys() & {"seal", "points"} == {"seal"}
        assert len(values(connection)) == 288
        assert counts(maintain(database, later + timedelta(days=3), kept))["points"] == 1
        assert (len(values(connection)), len(daily(connection))) == (0, 1)
