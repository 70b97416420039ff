"""kill -9 in the middle of maintenance, while the past changes: the views are those of an independent computation.

Of every kind that is folded: points, rates, the ledger, runs and bills. And of a database that nobody has folded, and
in which the same has happened.
"""

import random
import signal
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from storage import ledger, partitions
from storage.database import Connection, Database
from tests.support import writing
from tests.support.databases import create_database, drop_database
from tests.support.folding_story import FIRST, Story
from tests.support.folding_views import check
from tests.support.prepared import Fork, Prepared, prepared
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres

KILLS = 12
_AS_FOLDED = ("bill_versions", "cost_history", "cost_history_by_resource", "cost_versions", "rate_intervals")
_HOT = ("points", "cost_rates", "collections", "runs", "batches", "cost_lines", "bill_summaries")


@pytest.fixture
def undisturbed_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    yield url
    drop_database(server, url)


@pytest.mark.timeout(300)
def test_kills_in_the_middle_of_maintenance_change_nothing_that_is_shown(
    database: Database, database_url: str, undisturbed_url: str, tmp_path: Path
) -> None:
    chance = random.Random(13)
    with (
        prepared("workers.cli", "workers.commands.db", "storage.migrate") as programs,
        Database(SecretStr(undisturbed_url), size=1) as other,
        database.connection() as connection,
        other.connection() as undisturbed,
    ):
        story = Story(chance, connection, undisturbed)
        hits: list[bool] = []
        for kill in range(KILLS):
            before = hot(connection)
            with maintaining(programs, database_url, tmp_path) as process:
                until(partial(_has_begun, connection, process, before), 60, "something is folded")
                # Anywhere in the next transactions, its own and those beside it.
                strike = threading.Timer(chance.uniform(0, 0.3), _kill, (process, hits))
                strike.start()
                for _ in range(chance.randrange(3)):
                    story.go_on()
                strike.join()
            if kill == KILLS // 2:
                check(connection, story)
            story.go_on()
        assert sum(hits) > KILLS // 2, "the kills hit nothing"
        compare(connection, undisturbed)
        maintain(programs, database_url, tmp_path)
        check(connection, story)
        compare(connection, undisturbed)
        assert_folded(connection)
        # What is forgotten on purpose, and how it is cut, is the same whatever happened meanwhile.
        maintain(programs, undisturbed_url, tmp_path)
        compare(connection, undisturbed, *_AS_FOLDED)


def maintaining(programs: Prepared, url: str, directory: Path) -> Any:
    """``finfleet db maintain`` as a program, of a fleet that forgets as soon as it may; killed at the end."""
    return programs.running(*_PROGRAM, environment(url, directory), directory / "maintain.log")


def maintain(programs: Prepared, url: str, directory: Path) -> None:
    """Let it come to its end."""
    done = programs.run(*_PROGRAM, environment(url, directory), directory)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


_PROGRAM = ("workers.cli:main", ["finfleet", "db", "maintain"])


def environment(url: str, directory: Path) -> Mapping[str, str]:
    config = directory / "telemetry.yaml"
    config.write_text("retention: {runs: 1d, history: 1d}", encoding="utf-8")
    return {"FINFLEET_CONFIG": str(config), "FINFLEET_DATABASE_URL": url}


def hot(connection: Connection) -> tuple[int, ...]:
    """What changes when something is folded."""
    return tuple(writing.count(connection, table) for table in _HOT)


def _has_begun(connection: Connection, process: Fork, before: tuple[int, ...]) -> bool:
    return process.ended or hot(connection) != before


def _kill(process: Fork, hits: list[bool]) -> None:
    hits.append(not process.ended)
    process.send_signal(signal.SIGKILL)


def compare(one: Connection, other: Connection, *more: str) -> None:
    """All views but those that show what is folded in another way, and all that is told of the ledger."""
    found = one.execute("SELECT relname FROM pg_class WHERE relnamespace = 'reporting'::regnamespace AND relkind = 'v'")
    for view in {row[0] for row in found} - {*_AS_FOLDED} | {*more}:
        # The time since the story has ended is a gap that ends now.
        where = "WHERE gap_end < '2025-01-01'" if view == "gaps" else ""
        statement = f"SELECT v::text FROM reporting.{view} AS v {where} ORDER BY 1".encode()  # noqa: S608 - ours
        assert one.execute(statement).fetchall() == other.execute(statement).fetchall(), view
    assert ledger.count_states(one) == ledger.count_states(other)
    # What a back-fill has cost is that of its runs, or what was noted of them when its windows were folded.
    assert [told[:-1] for told in ledger.list_backfills(one)] == [told[:-1] for told in ledger.list_backfills(other)]


def assert_folded(connection: Connection) -> None:
    """Only what something is left to do of lies where it came to."""
    assert [writing.count(connection, table) for table in ("points", "cost_rates")] == [0, 0]
    assert not [day for _, day, _ in partitions.partitions_of(connection, "cost_rates") if day.year == FIRST.year]
    left = connection.execute(
        """
        SELECT (SELECT count(*)
                  FROM (SELECT run_id FROM finfleet.cost_lines
                        EXCEPT
                        SELECT run_id FROM finfleet.bills WHERE lines IS NOT NULL) AS open),
               -- The newest that went well of each target, those that are to be read again, and those that failed and
               -- are tried once their target answers.
               (SELECT max(count)
                  FROM (SELECT count(*) FROM finfleet.collections JOIN finfleet.targets USING (target_id)
                         WHERE service = 'ec2' AND refresh_at IS NULL AND state <> 'failed' GROUP BY target_id) AS hot),
               (SELECT count(*) FROM finfleet.runs AS r
                 WHERE NOT EXISTS (SELECT FROM finfleet.collections AS c WHERE c.settled_run = r.run_id)
                    OR r.apis <> '[]')
        """
    ).fetchone()
    assert left == (0, 1, 0)
