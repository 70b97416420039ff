"""What cannot be written for now: neighbours do not wait for it, and a lock that somebody holds condemns nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from pydantic import SecretStr

from storage import dead_letters
from storage.database import Connection, Database
from storage.timeouts import WRITE
from tests.support.brokers import publish
from tests.support.ingesting import SETTINGS, all_queues, ingest, running_ingest
from tests.support.pushing import SENT_AT, body, points
from tests.support.waiting import until
from workers.ingest import Queues

pytestmark = pytest.mark.timeout(120)

_REFUSE = """
CREATE FUNCTION finfleet.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM finfleet.series WHERE series_id = NEW.series_id AND metric = 'stuck') THEN
        RAISE EXCEPTION 'no room' USING ERRCODE = '53200';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON finfleet.points FOR EACH ROW EXECUTE FUNCTION finfleet.refuse();
"""


@pytest.fixture
def queues(redis_url: str) -> Iterator[Queues]:
    with all_queues(redis_url, "training", "billing") as queues:
        yield queues


@contextmanager
def _running(queues: Queues, database: Database, beats: list[float]) -> Iterator[Connection]:
    consumer = ingest(queues.results, database, SETTINGS, "training", "billing")
    consumer = replace(consumer, queues=queues, heartbeat=lambda: beats.append(0.0))
    with running_ingest(queues.results, database, consumer=consumer), database.connection() as connection:
        yield connection


def _sources(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT DISTINCT source FROM reporting.resource_metrics")}


def test_a_message_of_two_hundred_parts_that_cannot_be_stored_holds_up_nobody(
    queues: Queues, database: Database, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(_REFUSE)
    sent = datetime.fromisoformat(SENT_AT)
    times = [(sent - timedelta(minutes=5 * number)).astimezone(UTC).isoformat() for number in range(200)]
    metrics = [{"name": "stuck", "value": 1, "time": time} for time in times]
    with _running(queues, database, []) as connection:
        publish(queues.pushes["training"], body(metrics=metrics))
        for number in range(10):
            publish(queues.pushes["billing"], body(source="billing", key=f"{number}"))
            until(partial(_has_runs, connection, number + 1), 10, "the neighbour is stored")
        assert _sources(connection) == {"billing"}
        assert dead_letters.count_waiting(connection) == 0, "it may yet be stored"
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("DROP TRIGGER refuse ON finfleet.points")
        until(lambda: len(points(connection)) == 200 + 1, 60, "and it is")


def _has_runs(connection: Connection, count: int) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM finfleet.runs JOIN finfleet.targets USING (target_id) WHERE account = 'billing'"
    ).fetchone()
    return row == (count,)


def test_a_lock_on_a_table_is_waited_for_with_a_sign_of_life(
    queues: Queues, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    beats: list[float] = []
    impatient = WRITE._replace(lock=timedelta(seconds=1))
    with (
        Database(SecretStr(database_url), size=8, timeouts=impatient) as database,
        psycopg.connect(database_url) as admin,
    ):
        # As CREATE INDEX takes it.
        admin.execute("LOCK TABLE finfleet.points IN SHARE MODE")
        with _running(queues, database, beats) as connection:
            publish(queues.pushes["training"], *(body(key=f"{number}") for number in range(3)))
            until(lambda: queues.pushes["training"].depth().messages == 3, 20, "they wait")
            until(lambda: "lock timeout" in caplog.text, 60, "a statement waits no longer")
            before = len(beats)
            until(lambda: len(beats) > before, 20, "it gives a sign of life while it tries again")
            assert dead_letters.count_waiting(connection) == 0
            admin.rollback()
            until(lambda: points(connection) and not queues.pushes["training"].depth().messages, 60, "all is stored")
            assert dead_letters.count_waiting(connection) == 0
