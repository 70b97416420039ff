"""`finfleet dlq replay`: what fails again waits again, however soon it comes back, and whenever we are killed."""

from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from storage import dead_letters
from storage.database import Database
from tasks.results import open_carrier
from telemetry.undeliverable import wrap
from tests.support import writing
from tests.support.commands import CommandLine
from tests.support.ingesting import put, running_ingest
from tests.support.waiting import until

COUNT = 30


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, redis_url: str) -> CommandLine:
    return CommandLine(tmp_path, database_url, redis_url)


def _dead_letter(database: Database, *bodies: bytes) -> list[int]:
    letters = [dead_letters.Letter(body, "malformed", "no") for body in bodies]
    with database.connection() as connection:
        dead_letters.dead_letter(connection, letters, writing.NOW)
        return sorted(letter.dead_letter_id for letter in dead_letters.listing(connection))


def test_what_fails_again_waits_again_though_ingest_is_the_faster(
    finfleet: CommandLine, database: Database, redis_url: str
) -> None:
    ids = _dead_letter(database, *(b"what is this? %d" % number for number in range(COUNT)))
    with (
        closing(open_carrier(SecretStr(redis_url))) as carrier,
        running_ingest(carrier, database),
        database.connection() as connection,
    ):
        assert finfleet.run("dlq", "replay", "--all").stdout == b"30 put back on the results queue\n"

        def back() -> bool:
            return all(letter.times == 2 for letter in dead_letters.listing(connection, replayed=True))

        until(back, 30, "all have come back")
        assert sorted(letter.dead_letter_id for letter in dead_letters.listing(connection)) == ids
        assert dead_letters.count_waiting(connection) == COUNT


def test_one_that_is_killed_before_it_has_marked_a_letter_hides_none(
    finfleet: CommandLine, database: Database, redis_url: str
) -> None:
    (number,) = _dead_letter(database, b"what is this?")
    with closing(open_carrier(SecretStr(redis_url))) as carrier, database.connection() as connection:
        put(carrier)  # the stream is there
        with connection.transaction():
            connection.execute("SELECT FROM finfleet.dead_letters WHERE dead_letter_id = %s FOR UPDATE", [number])
            replay = finfleet.start("dlq", "replay", str(number))
            until(lambda: carrier.depth().messages == 1, 30, "it is published, and not marked yet")
            replay.kill()
            replay.communicate()
            # Its server process still waits, and would not notice that nobody listens any more.
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        assert [letter.dead_letter_id for letter in dead_letters.listing(connection)] == [number]
        finfleet.run("dlq", "replay", str(number))
        assert dead_letters.listing(connection) == []
        with running_ingest(carrier, database):
            until(lambda: dead_letters.count_waiting(connection) == 1, 30, "it has come back")


def test_a_letter_that_came_back_before_it_was_marked_is_not_marked(database: Database) -> None:
    (number,) = _dead_letter(database, b"what is this?")
    with database.connection() as connection:
        before = dead_letters.get(connection, number)
        assert before is not None
        _dead_letter(database, b"what is this?")
        assert not dead_letters.mark_replayed(connection, before, writing.NOW)
        assert dead_letters.count_waiting(connection) == 1


def test_what_is_no_result_is_not_put_on_the_results_queue(
    finfleet: CommandLine, database: Database, redis_url: str
) -> None:
    (wrapped,) = _dead_letter(database, wrap("push", "not_a_task", "no task of ours", b"5"))
    _, plain = _dead_letter(database, b"what is this?")
    listed = finfleet.run("dlq", "list").stdout.decode()
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [str(plain), str(wrapped)]
    done = finfleet.run("dlq", "replay", "--all", status=1)
    assert done.stdout == b"1 put back on the results queue\n"
    assert f"found where it had no business: {wrapped};" in done.stderr.decode()
    assert "finfleet dlq drop" in done.stderr.decode()
    with closing(open_carrier(SecretStr(redis_url))) as carrier, database.connection() as connection:
        assert carrier.depth().messages == 1
        assert [letter.dead_letter_id for letter in dead_letters.listing(connection)] == [wrapped]
    finfleet.run("dlq", "show", str(wrapped))
