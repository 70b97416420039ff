"""A planner looks by itself for what is due: what it opens, hands out and compares, and what it leaves alone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import current_app
from kombu.connection import Connection as KombuConnection

import storage.clock
from storage import ledger, locks, processes
from storage.database import Connection, Database
from storage.session import Session
from tasks import dispatch, handing
from tasks.handing import HandOut
from tasks.keeping import TargetKeeper
from tasks.rooms import HANDFUL
from tasks.runtime import runtime
from telemetry.presence import Sign
from telemetry.target import floor_time
from tests.support import writing
from tests.support.brokers import Lending
from tests.support.ledger import at
from tests.support.planning import planning

_CONFIG = "aws: {services: [ec2, cost], regions: [us-east-1], backfill: {ec2: 1d, cost: 60d}, collection_interval: 5m}"


class Clock:
    """What the planner takes for the time."""

    def __init__(self) -> None:
        self.now = at("12:00:30")

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    set_clock = Clock()
    for name in ("now", "passed", "known", "known_passed"):
        monkeypatch.setattr(storage.clock.Clock, name, lambda *_: set_clock())
    return set_clock


@pytest.fixture
def planner(database: Database, database_url: str, redis_url: str, tmp_path: Path, clock: Clock) -> Iterator[HandOut]:
    del clock
    with _planner(database, database_url, redis_url, tmp_path) as hand_out:
        yield hand_out


@contextmanager
def _planner(database: Database, database_url: str, broker_url: str, directory: Path) -> Iterator[HandOut]:
    with planning(database, database_url, broker_url, directory, _CONFIG):
        hand_out = HandOut(TargetKeeper())
        yield hand_out
        hand_out.handing.close()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def _worker(connection: Connection, *queues: str, threads: int = 8) -> None:
    sign = Sign(uuid4(), "worker aws", queues, "here", "boot/1", 42, "1.0", 1_790_000_000.0, threads=threads)
    processes.tell(connection, [sign])


def _depths(redis_url: str) -> dict[str, int]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        return {name: client.llen(name) for name in sorted(client.keys("collect.*"))}


def test_a_queue_without_consumers_gets_a_handful(planner: HandOut, redis_url: str) -> None:
    for _ in range(5):
        planner.look()
    assert _depths(redis_url) == {"collect.aws": HANDFUL}


def test_what_is_drained_is_filled_up(planner: HandOut, redis_url: str, connection: Connection) -> None:
    _worker(connection, "collect.aws", "collect.aws.paid", "collect.aws.slow")
    planner.look()
    assert _depths(redis_url) == {"collect.aws.paid": 16, "collect.aws.slow": 4}
    planner.look()
    assert _depths(redis_url)["collect.aws.paid"] == 16
    with redis.Redis.from_url(redis_url) as client:
        client.lpop("collect.aws.paid", 16)
    planner.look()
    assert _depths(redis_url)["collect.aws.paid"] == 48  # it has run dry: for three looks as the last one
    assert writing.count(connection, "collections WHERE state = 'dispatched'") == 16 + 48 + 4
    assert _depths(redis_url)["collect.aws.slow"] == 4  # half of the threads, whatever is due


def test_no_command_to_the_broker_makes_a_client_of_its_own(
    planner: HandOut, redis_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _worker(connection, "collect.aws", "collect.aws.paid", "collect.aws.slow")
    planner.look()
    made = []
    begin = redis.Redis.__init__

    def noted(self: redis.Redis, *args: Any, **options: Any) -> None:
        made.append(self)
        begin(self, *args, **options)

    with redis.Redis.from_url(redis_url) as client:
        client.lpop("collect.aws.paid", 16)
        monkeypatch.setattr(redis.Redis, "__init__", noted)
        planner.look()
    assert _depths(redis_url)["collect.aws.paid"] == 48
    assert len(made) == 1, "that which looks at the depths"


def test_a_window_is_opened_when_its_delay_ends_and_not_before(
    planner: HandOut, connection: Connection, clock: Clock
) -> None:
    while planner.look() < handing.BUSY:
        pass
    plan = runtime.planned()["aws", "ec2"].targets[0]
    newest = (
        "SELECT max(window_end) FROM finfleet.collections JOIN finfleet.targets USING (target_id) WHERE service = 'ec2'"
    )
    before = connection.execute(newest.encode()).fetchone()
    closes = floor_time(clock.now - plan.delay, plan.interval) + plan.interval + plan.delay
    assert before == (closes - plan.interval - plan.delay,)
    clock.now = closes - timedelta(seconds=0.2)
    assert planner.look() == pytest.approx(0.2, abs=0.01), "it wakes up for it"
    assert connection.execute(newest.encode()).fetchone() == before
    clock.now = closes
    planner.look()
    assert connection.execute(newest.encode()).fetchone() == (closes - plan.delay,)


def test_no_look_waits_for_another_planner(planner: HandOut, database: Database, connection: Connection) -> None:
    planner.look()
    with database.connection() as other, other.transaction():
        other.execute("SET LOCAL lock_timeout TO '1ms'")
        for name in (locks.DISPATCH, locks.OPENING):
            locks.take(other, name)
        connection.execute("UPDATE finfleet.collections SET state = 'planned', due_at = '2026-11-24 12:00Z'")
        connection.execute("UPDATE finfleet.targets SET planned_until = planned_until - interval '5 min'")
        planner._closes.clear()
        assert planner.look() <= handing.BUSY, "it looks again soon"
        assert writing.count(connection, "collections WHERE state = 'dispatched'") == 0
    planner.look()
    assert writing.count(connection, "collections WHERE state = 'dispatched'") > 0


def test_what_another_planner_opens_is_not_asked_for_without_a_pause(
    planner: HandOut, database: Database, connection: Connection
) -> None:
    while planner.look() < handing.BUSY:
        pass
    connection.execute("UPDATE finfleet.targets SET planned_until = planned_until - interval '5 min'")
    planner._closes = dict.fromkeys(planner._closes, at("12:00:00"))
    with database.connection() as other, other.transaction():
        locks.take(other, locks.OPENING)
        assert [planner.look() for _ in range(3)] == [handing.BUSY] * 3


def test_a_lane_without_work_does_not_have_every_look_read_the_ledger(
    planner: HandOut, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    while planner.look() < handing.BUSY:
        pass
    _worker(connection, "collect.aws", "collect.aws.paid", "collect.aws.slow")
    connection.execute(
        "UPDATE finfleet.collections AS c SET state = 'complete', records = 1, refresh_at = NULL"
        "  FROM finfleet.targets AS t WHERE t.target_id = c.target_id AND t.service = 'cost'"
    )
    monkeypatch.setattr(dispatch, "_FOUND", 40)  # a past that is longer than what is looked up at a time
    monkeypatch.setattr(dispatch, "_SHARE", 10_000)
    asked: list[Any] = []
    find_due = ledger.find_due

    def noted(*args: Any, **options: Any) -> list[ledger.Found]:
        asked.append(args)
        return find_due(*args, **options)

    monkeypatch.setattr(ledger, "find_due", noted)
    planner.handing.close()
    planner.handing = dispatch.HandingOut()
    for _ in range(6):
        planner.look()
    assert len(asked) == 1, "the slow lane has room, and nothing is due of it"


def test_whether_there_are_many_targets_is_a_matter_of_the_ledger(
    planner: HandOut, connection: Connection, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    """All regions of an account are one target of the configuration."""
    _worker(connection, "collect.aws", "collect.aws.paid", "collect.aws.slow")
    planner.look()
    asked: list[int | None] = []
    find_due = ledger.find_due

    def noted(*args: Any, newest: int | None) -> list[ledger.Found]:
        asked.append(newest)
        return find_due(*args, newest=newest)

    monkeypatch.setattr(ledger, "find_due", noted)
    monkeypatch.setattr(dispatch, "_FOUND", 4)
    for _ in range(2):
        planner.handing.close()
        planner.handing = dispatch.HandingOut()
        with redis.Redis.from_url(redis_url) as client:
            client.delete("collect.aws.paid")
        planner.look()
        connection.execute(
            "INSERT INTO finfleet.targets (provider, account, region, service, queue, interval_seconds, delay_seconds,"
            " enabled_since, planned_until) SELECT 'aws', 'default', 'region-' || n, 'ec2', 'collect.aws', 300, 0,"
            " now(), now() FROM generate_series(1, 2) AS n ON CONFLICT DO NOTHING"
        )
    assert asked == [4, None]


def test_a_queue_that_was_changed_after_the_look_up_costs_no_look(
    planner: HandOut, connection: Connection, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    monkeypatch.setattr(dispatch, "_SHARE", 10_000)
    while planner.look() < handing.BUSY:
        pass
    # By a planner with a newer configuration.
    connection.execute("UPDATE finfleet.targets SET queue = 'elsewhere' WHERE service = 'ec2'")
    with redis.Redis.from_url(redis_url) as client:
        client.delete("collect.aws")
        planner.look()
        assert client.llen("elsewhere") > 0
    assert planner.look() <= handing.IDLE


def test_a_task_ends_with_its_lease_however_late_it_is_sent(
    planner: HandOut, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    ends: list[float] = []

    def sent(*_: object, expires: float, headers: dict[str, str], **__: object) -> None:
        ends.append(expires)
        assert headers == {"expires": (clock.now + runtime.settings().ledger.lease).isoformat()}
        if len(ends) == 1:
            late = time.monotonic() + 600  # the process stood still after the first
            monkeypatch.setattr(time, "monotonic", lambda: late)

    monkeypatch.setattr(current_app, "send_task", sent)
    planner.look()
    lease = runtime.settings().ledger.lease.total_seconds()
    assert ends[0] == pytest.approx(lease, abs=5)
    assert ends[1] == pytest.approx(lease - 600, abs=5)


def test_a_look_that_finds_nothing_asks_one_question(
    planner: HandOut, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    while planner.look() < handing.BUSY:
        pass
    connection.execute("UPDATE finfleet.collections SET state = 'complete', records = 1, refresh_at = NULL")
    asked: list[str] = []
    execute = Session.execute

    def noted(self: Session, query: bytes, *args: Any, **options: Any) -> Any:
        asked.append(str(query))
        return execute(self, query, *args, **options)

    monkeypatch.setattr(Session, "execute", noted)
    assert planner.look() == handing.IDLE
    assert len([query for query in asked if "finfleet." in query]) == 1


def test_targets_are_compared_when_they_have_changed_and_once_an_hour(
    planner: HandOut, connection: Connection, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    del planner
    compared = []
    sync = ledger.sync_targets

    def noted(*args: Any, **options: Any) -> ledger.Synced:
        compared.append(args)
        return sync(*args, **options)

    monkeypatch.setattr(ledger, "sync_targets", noted)
    plan = runtime.planned()["aws", "ec2"]
    keeper = TargetKeeper()
    assert keeper.keep(connection, plan, clock.now) == (1, 0, 0, 0)
    assert keeper.keep(connection, plan, clock.now) is None
    assert keeper.keep(connection, plan, clock.now + timedelta(minutes=59)) is None
    assert len(compared) == 1
    # Another process compares at its start.
    assert TargetKeeper().keep(connection, plan, clock.now) == (0, 0, 0, 0)
    # What somebody has edited is found within an hour.
    connection.execute("UPDATE finfleet.targets SET queue = 'elsewhere'")
    assert keeper.keep(connection, plan, clock.now + timedelta(minutes=61)) == (0, 1, 0, 0)


def test_each_planner_notices_what_another_one_has_changed(
    planner: HandOut, connection: Connection, clock: Clock
) -> None:
    del planner
    plan = runtime.planned()["aws", "ec2"]
    changed = type(plan)(plan.service, plan.interval, plan.targets[:0])
    one, two = TargetKeeper(), TargetKeeper()
    assert one.keep(connection, plan, clock.now) == (1, 0, 0, 0)
    assert two.keep(connection, changed, clock.now) == (0, 0, 0, 1)
    assert one.keep(connection, plan, clock.now) == (0, 0, 1, 0)
    assert one.keep(connection, plan, clock.now) is None
    # What is not configured at all by somebody is disabled by a sweep, and compared again by whoever has it.
    ledger.disable_unknown(connection, [("aws", "cost")], clock.now)
    assert one.keep(connection, plan, clock.now) == (0, 0, 1, 0)


@pytest.mark.amqp
@pytest.mark.usefixtures("clock")
def test_over_rabbitmq_too(
    brokers: Lending, database: Database, database_url: str, tmp_path: Path, connection: Connection
) -> None:
    with brokers.lend("amqp") as broker, _planner(database, database_url, broker.url, tmp_path) as planner:
        _worker(connection, "collect.aws", "collect.aws.paid", "collect.aws.slow", threads=4)
        for _ in range(3):
            planner.look()
        with KombuConnection(broker.url) as link, link.channel() as channel:
            waiting = {
                name: channel.queue_declare(queue=name, passive=True).message_count
                for name in ("collect.aws.paid", "collect.aws.slow")
            }
    assert waiting == {"collect.aws.paid": 8, "collect.aws.slow": 2}


def test_a_broker_that_cannot_be_asked_leaves_what_the_ledger_knows(
    planner: HandOut, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch.HandingOut, "_waiting", lambda *_: None)
    _worker(connection, "collect.aws", "collect.aws.paid", "collect.aws.slow")
    for _ in range(4):
        planner.look()
    out = connection.execute(
        "SELECT service, count(*) FROM finfleet.collections JOIN finfleet.targets USING (target_id)"
        " WHERE state = 'dispatched' GROUP BY service ORDER BY service"
    ).fetchall()
    assert out == [("cost", 4), ("ec2", 16)]
