"""The writer among others: two at once, and a message that cannot be stored between messages that can."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage import dead_letters, partitions
from storage.database import Database
from storage.errors import StorageRejected, StorageUnavailable
from storage.writer import Undecodable, take_in, write_each
from telemetry.batch import Batch, Outcome
from telemetry.redact import remember
from telemetry.target import Target, Window
from tests.support import writing as w
from tests.support.waiting import until


def poison(number: int = 9) -> Batch:
    """A batch that is well formed, and that Postgres refuses."""
    return w.batch(w.run(second=number), number, [], [("i-9", 0, w.DEAR)])


def test_one_impossible_message_does_not_stop_its_neighbours(database: Database) -> None:
    run = w.run()
    good = [w.batch(run, number, [("i-1", number % 5, float(number))]) for number in range(1, 12)]
    bad = [poison(), poison()]
    messages = w.received(*good[:3], bad[0], *good[3:7], bad[1], *good[7:], w.report(run, batches=11))
    with database.connection() as connection:
        w.plan(connection)
        w.refuse_dear_rates(connection)
        with pytest.raises(StorageRejected):
            w.put(connection, *[item.message for item in messages])
        written = write_each(connection, messages, destinations=["openfinops"], now=w.NOW)
        assert (written.batches, written.reports, written.settled) == (11, 1, {"complete": 1})
        assert [item.received.message for item in written.rejected] == bad
        assert {item.code for item in written.rejected} == {"refused"}
        assert "overflow" in written.rejected[0].reason
        assert [number for _, number, _ in w.outbox(connection)] == list(range(1, 12))


def test_what_cannot_be_taken_in_is_a_dead_letter_and_may_come_again(database: Database) -> None:
    remember("canary-of-a-secret")
    stray = w.batch(w.run(Target("aws", "nobody", "us-east-1", "ec2")))
    garbage = Undecodable(b"\x00garbage", "MalformedMessage", "starts with \x00 and canary-of-a-secret")
    with database.connection() as connection:
        w.plan(connection)
        w.refuse_dear_rates(connection)
        for times in (1, 2):
            written = take_in(
                connection, w.received(stray, w.batch(w.run()), poison()), [garbage], destinations=[], now=w.NOW
            )
            assert (written.batches, len(written.rejected)) == (1, 2)
            letters = dead_letters.listing(connection)
            assert sorted((letter.reason_code, letter.times) for letter in letters) == [
                ("MalformedMessage", times),
                ("refused", 1),  # another run each time
                *([("refused", 1)] * (times - 1)),
                ("unplanned", times),
            ]
        by_code = {letter.reason_code: letter for letter in letters}
        assert by_code["MalformedMessage"].reason == "starts with \\x00 and ********"
        found = dead_letters.get(connection, by_code["unplanned"].dead_letter_id)
        assert found is not None
        assert found.body == w.received(stray)[0].body


def test_a_dead_letter_is_replayed_waits_again_and_is_dropped(database: Database) -> None:
    letter = dead_letters.Letter(b"body", "malformed", "no")
    with database.connection() as connection:
        dead_letters.dead_letter(connection, [letter, letter], w.NOW)
        (waiting,) = dead_letters.listing(connection)
        assert (waiting.times, waiting.size, dead_letters.count_waiting(connection)) == (2, 4, 1)
        assert dead_letters.mark_replayed(connection, waiting, w.NOW)
        assert (dead_letters.listing(connection), dead_letters.count_waiting(connection)) == ([], 0)
        assert [item.replayed_at for item in dead_letters.listing(connection, replayed=True)] == [w.NOW]
        dead_letters.dead_letter(connection, [letter], w.NOW)
        (again,) = dead_letters.listing(connection)
        assert (again.dead_letter_id, again.times) == (waiting.dead_letter_id, 3)
        assert dead_letters.drop(connection, [again.dead_letter_id]) == 1
        assert dead_letters.get(connection, again.dead_letter_id) is None


def test_two_writers_on_the_same_targets(database: Database) -> None:
    """They do not deadlock, and every batch is counted once."""
    targets = [Target("aws", "default", region, "ec2") for region in ("eu-west-1", "us-east-1", "us-west-2")]
    runs = [w.run(target, second=second) for target in targets for second in (1, 2)]
    batches = [
        w.batch(run, number, [(f"i-{item}", minute, 1.0) for item in range(20) for minute in range(5)])
        for number in range(1, 7)
        for run in runs
    ]
    start = threading.Barrier(2)

    def consume(own: list[Batch]) -> None:
        with database.connection() as connection:
            start.wait()
            for first in range(0, len(own), 3):
                w.put(connection, *own[first : first + 3])

    with database.connection() as connection:
        for target in targets:
            w.plan(connection, target)
        with ThreadPoolExecutor(2) as pool:
            # Some go to both, as after a lost acknowledgement.
            list(pool.map(consume, [batches[::2] + batches[:6], list(reversed(batches[1::2])) + batches[:6]]))
        assert w.count(connection, "batches") == w.count(connection, "outbox") == len(batches)
        assert w.count(connection, "points") == len(targets) * 100
        assert sorted(connection.execute("SELECT batches_committed FROM finfleet.runs").fetchall()) == [(6,)] * 6


_HOLD_COMMIT = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.number = 1 THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON finfleet.outbox DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.hold();
"""


def test_the_outbox_of_a_target_is_in_the_order_of_commits(database: Database) -> None:
    """A transaction that is about to commit holds up the next one of its target, though it is about another window."""
    later = Window(w.WINDOW.end, w.WINDOW.end + timedelta(minutes=5))

    def write(batch: Batch) -> None:
        with database.connection() as own:
            w.put(own, batch)

    def waiting(lock: str) -> bool:
        found = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = %s", (lock,)).fetchone()
        return found == (1,)

    with database.connection() as connection, ThreadPoolExecutor(2) as pool:
        w.plan(connection)
        w.plan(connection, window=later)
        connection.execute(_HOLD_COMMIT.encode())
        with database.connection() as gate:
            gate.execute("SELECT pg_advisory_lock(1)")
            first = pool.submit(write, w.batch(w.run(), 1))
            until(lambda: waiting("advisory"), what="the first writer commits")
            second = pool.submit(write, w.batch(w.run(window=later), 2, [("i-2", 0, 1.0)]))
            until(lambda: waiting("transactionid"), what="the second writer waits for the first")
            gate.execute("SELECT pg_advisory_unlock(1)")
        for future in (first, second):
            future.result(timeout=10)
        assert [number for _, number, _ in w.outbox(connection)] == [1, 2]


def test_two_writers_make_the_same_partition(database: Database) -> None:
    targets = [Target("aws", "default", f"region-{place}", "ec2") for place in range(4)]
    start = threading.Barrier(len(targets))

    def first_of_the_day(target: Target) -> int:
        with database.connection() as connection:
            start.wait()
            return w.put(connection, w.batch(w.run(target))).batches

    with database.connection() as connection:
        for target in targets:
            w.plan(connection, target)
        with ThreadPoolExecutor(len(targets)) as pool:
            assert list(pool.map(first_of_the_day, targets)) == [1, 1, 1, 1]
        assert w.count(connection, "points_20261124") == 4


def test_a_late_day_that_is_dropped_whenever_it_is_empty_is_written_all_the_same(database: Database) -> None:
    late = [Window(w.START - timedelta(days=day), w.START - timedelta(days=day, minutes=-5)) for day in range(8)]
    stop = threading.Event()

    def drop() -> None:
        with database.connection() as other:
            while not stop.is_set():
                for name, *_ in partitions.partitions_of(other, "points"):
                    with other.transaction():
                        other.execute(
                            f"LOCK TABLE finfleet.points, ONLY finfleet.{name} IN ACCESS EXCLUSIVE MODE".encode()
                        )
                        if w.count(other, name) == 0:
                            other.execute(f"DROP TABLE finfleet.{name}".encode())

    with database.connection() as connection, ThreadPoolExecutor(1) as pool:
        for window in late:
            w.plan(connection, window=window)
        dropping = pool.submit(drop)
        try:
            assert [w.put(connection, w.batch(w.run(window=window))).batches for window in late] == [1] * len(late)
        finally:
            stop.set()
        dropping.result(timeout=10)
        assert w.count(connection, "points") == len(late)


def test_a_lost_connection_is_no_fault_of_the_messages(database: Database) -> None:
    messages = w.received(w.batch(w.run()), w.report(w.run(second=1), Outcome.EMPTY, 0))
    with database.connection() as connection:
        w.plan(connection)
        with database.connection() as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(StorageUnavailable):
            take_in(connection, messages, [], destinations=[], now=w.NOW)
    with database.connection() as connection:
        assert w.count(connection, "dead_letters") == 0
        assert take_in(connection, messages, [], destinations=[], now=w.NOW).batches == 1
