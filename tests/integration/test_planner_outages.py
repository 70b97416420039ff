"""What the database may refuse for a while: each tick of the planner says so, and the next ones do what is owed."""

import logging
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from storage.database import Connection, Database
from storage.errors import StorageError, StorageNotMigrated
from tasks import plan
from tests.support import writing
from tests.support.planning import planning

_REFUSES = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON finfleet.targets EXECUTE FUNCTION public.refuse();
"""
_REFUSES_NO_MORE = "DROP TRIGGER refuse ON finfleet.targets; DROP FUNCTION public.refuse()"


@pytest.fixture
def planner(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The owner's connection, opened before anything is wrong; the tasks of a planner run in this process."""
    with (
        Database(SecretStr(database_url), size=2, wait=0.5) as database,
        planning(database, database_url, redis_url, tmp_path),
        psycopg.connect(database_url, autocommit=True) as owner,
    ):
        yield owner


def faults(code: str, message: str) -> object:
    return pytest.param(_REFUSES.format(code=code), _REFUSES_NO_MORE, message, id=code)


@pytest.mark.parametrize(
    ("breaks", "mends", "says"),
    [
        pytest.param(
            "ALTER DATABASE {name} SET default_transaction_read_only TO on",
            "SET default_transaction_read_only TO off; ALTER DATABASE {name} RESET default_transaction_read_only",
            "takes no changes now",
            id="read only",
        ),
        pytest.param(
            "REVOKE UPDATE, INSERT ON finfleet.targets FROM CURRENT_USER",
            "GRANT ALL ON finfleet.targets TO CURRENT_USER",
            "permission denied for table targets: finfleet's role",
            id="missing rights",
        ),
        pytest.param(
            "ALTER DATABASE {name} CONNECTION LIMIT 0",
            "ALTER DATABASE {name} CONNECTION LIMIT -1",
            "too many connections",
            id="too many connections",
        ),
        faults("53100", "refused"),
        faults("57P01", "refused"),
        faults("53200", "refused"),
    ],
)
def test_a_tick_waits_for_the_database_and_the_next_one_plans(
    planner: psycopg.Connection[tuple[object, ...]],
    caplog: pytest.LogCaptureFixture,
    breaks: str,
    mends: str,
    says: str,
) -> None:
    name = planner.info.dbname
    planner.execute(breaks.format(name=name).encode())
    with caplog.at_level(logging.WARNING, "tasks.plan"):
        plan.fan_out("aws", "ec2")
    (line,) = (record.getMessage() for record in caplog.records if record.name == "tasks.plan")
    assert line.startswith("fan_out aws/ec2 waits for the database, the next tick tries again: ")
    assert says in line
    assert writing.count(planner, "collections") == 0

    planner.execute(mends.format(name=name).encode())
    plan.fan_out("aws", "ec2")
    assert writing.count(planner, "collections WHERE state = 'dispatched'") > 0


def _write_read_only(connection: Connection, pids: list[int]) -> None:
    pids.append(connection.info.backend_pid)
    connection.execute("SET default_transaction_read_only TO on")
    connection.execute("INSERT INTO finfleet.locks VALUES ('test')")


def test_a_database_that_was_read_only_is_asked_again_over_another_connection(database_url: str) -> None:
    with Database(SecretStr(database_url), size=1) as database:
        pids: list[int] = []
        for _ in range(2):
            with pytest.raises(StorageError) as caught, database.connection() as connection:
                _write_read_only(connection, pids)
            assert (caught.value.code, caught.value.transient, caught.value.about_input) == ("25006", True, False)
        assert len(set(pids)) == 2


def test_what_one_part_of_a_sweep_cannot_do_does_not_keep_the_others_from_it(
    planner: psycopg.Connection[tuple[object, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    plan.fan_out("aws", "ec2")
    planner.execute("UPDATE finfleet.collections SET state = 'planned', due_at = now()")
    planner.execute(
        "DELETE FROM finfleet.collections WHERE window_start = (SELECT min(window_start) FROM finfleet.collections)"
    )
    planner.execute(_REFUSES.format(code="57014").replace("finfleet.targets", "finfleet.pauses").encode())
    planner.execute("CREATE TRIGGER refuse BEFORE INSERT ON finfleet.collections EXECUTE FUNCTION public.refuse()")
    with caplog.at_level(logging.INFO, "tasks.plan"):
        plan.sweep()
    assert "sweep: healing failed, the next one tries again: refused" in caplog.messages
    out = writing.count(planner, "collections")
    assert out > 0
    said = f"sweep: 0 windows opened, 0 denied, failed or refused ones due again, {out} attempts handed out"
    assert said in caplog.messages


def test_what_waiting_does_not_mend_fails_the_task(planner: psycopg.Connection[tuple[object, ...]]) -> None:
    planner.execute("ALTER TABLE finfleet.pauses RENAME TO gone")
    with pytest.raises(StorageNotMigrated):
        plan.sweep()
