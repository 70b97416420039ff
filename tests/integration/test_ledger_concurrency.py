"""Several planners at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Barrier
from typing import TypeVar

from storage import ledger
from storage.database import Connection, Database
from telemetry.batch import Message
from telemetry.target import Window
from tests.support.ledger import NOW, at, minutes, overlaps, plan, settle, sync, take, windows
from tests.support.writing import batch, put, report, run

PLANNERS = 4
T = TypeVar("T")


def at_once(database: Database, work: Callable[[Connection], T]) -> list[T]:
    """Do the same in several connections at the same moment."""
    start = Barrier(PLANNERS)

    def one(_: int) -> T:
        with database.connection() as connection:
            start.wait(10)
            return work(connection)

    with ThreadPoolExecutor(PLANNERS) as pool:
        return list(pool.map(one, range(PLANNERS)))


def test_planners_that_sync_and_open_at_once_plan_each_window_once(database: Database) -> None:
    regions = [f"region-{number}" for number in range(20)]
    plans = [plan(region, backfill=minutes(200)) for region in regions]

    def tick(connection: Connection) -> tuple[int, int]:
        synced = sync(connection, *plans)
        opened = 0
        while more := ledger.open_windows(connection, "aws", "ec2", NOW, limit=100):
            opened += more
        return synced.added, opened

    ticks = at_once(database, tick)
    assert sum(opened for _, opened in ticks) == 20 * 40
    with database.connection() as connection:
        for region in regions:
            found = list(windows(connection, region))
            assert len(found) == 40
            assert not overlaps(found)


def test_planners_that_take_at_once_share_the_windows_and_the_bound(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(1000)))
        ledger.open_windows(connection, "aws", "ec2", NOW)

    def tick(connection: Connection) -> list[ledger.Dispatch]:
        return [dispatch for _ in range(5) for dispatch in take(connection, limit=7, max_in_flight=100)]

    taken = [dispatch for dispatches in at_once(database, tick) for dispatch in dispatches]
    assert len({dispatch.window for dispatch in taken}) == len(taken) == 100
    assert {dispatch.attempt for dispatch in taken} == {1}


def test_a_row_that_is_being_settled_is_passed_over(database: Database) -> None:
    with database.connection() as writer, database.connection() as planner:
        sync(planner, plan(backfill=minutes(10)))
        ledger.open_windows(planner, "aws", "ec2", NOW)
        first, _ = take(planner)
        with writer.transaction():
            settle(writer, first, "complete", 1)
            planner.execute("SET statement_timeout TO '5s'")
            again = take(planner, at("12:30"))
            assert [dispatch.window.start for dispatch in again] == [at("11:50")]
        assert take(planner, at("12:31")) == []


def test_planners_that_heal_and_backfill_at_once_open_each_window_once(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(100)), plan("eu-west-1", backfill=minutes(100)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        connection.execute("DELETE FROM finfleet.collections WHERE window_start < %s", (at("11:30"),))
        targets = ledger.find_targets(connection)

    def mend(connection: Connection) -> int:
        healed = ledger.heal_gaps(connection, NOW).opened
        return healed + ledger.backfill(connection, targets, Window(at("08:00"), at("12:00")), NOW).opened

    assert sum(at_once(database, mend)) == 2 * (48 - 6)
    with database.connection() as connection:
        assert len(windows(connection)) == len(windows(connection, "eu-west-1")) == 48
        assert not overlaps(list(windows(connection)))


def test_the_planner_does_not_hold_up_a_writer_that_refers_to_a_target(database: Database) -> None:
    with database.connection() as planner, database.connection() as writer:
        sync(planner, plan(backfill=minutes(10)))
        writer.execute("SET statement_timeout TO '5s'")
        with planner.transaction():
            ledger.open_windows(planner, "aws", "ec2", NOW)
            writer.execute(
                "INSERT INTO finfleet.runs (run_id, target_id, window_start, window_end, attempt, started_at)"
                " SELECT gen_random_uuid(), target_id, now(), now() + interval '1 h', 1, now() FROM finfleet.targets"
            )


def test_planners_writers_and_a_backfill_side_by_side_neither_deadlock_nor_leave_anything(database: Database) -> None:
    with database.connection() as connection:
        plans = [plan(f"region-{number}", backfill=minutes(200)) for number in range(6)]
        sync(connection, *plans)
        targets = ledger.find_targets(connection)
    roles = iter(["plan", "plan", "collect", "backfill"])
    handed_out: SimpleQueue[ledger.Dispatch] = SimpleQueue()

    def work(connection: Connection) -> None:
        role = next(roles)
        for turn in range(40):
            if role == "plan":
                sync(connection, *plans)
                ledger.open_windows(connection, None, None, NOW, limit=60)
                for dispatch in take(connection, limit=30):
                    handed_out.put(dispatch)
                ledger.heal_gaps(connection, NOW, limit=20)
            elif role == "backfill":
                span = Window(at("08:00") + minutes(5 * (turn % 12)), at("11:00"))
                ledger.backfill(connection, targets, span, NOW, again=True)
            else:
                collect(connection, handed_out)

    at_once(database, work)
    with database.connection() as connection:
        while not ledger.is_settled(connection) or ledger.open_windows(connection, None, None, NOW):
            for dispatch in take(connection):
                handed_out.put(dispatch)
            collect(connection, handed_out)
        for each in targets:
            found = windows(connection, each.target.region)
            assert set(found.values()) == {"complete"}
            assert len(found) == 48
            assert not overlaps(list(found))


def collect(connection: Connection, handed_out: "SimpleQueue[ledger.Dispatch]") -> None:
    """Report on everything that is there, in one transaction of the real writer."""
    messages: list[Message] = []
    while not handed_out.empty():
        dispatch = handed_out.get()
        of = run(dispatch.target, dispatch.window, attempt=dispatch.attempt)
        messages += [batch(of), report(of)]
    if messages:
        put(connection, *messages, now=NOW)
