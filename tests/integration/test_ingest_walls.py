"""What is let in from which queue: nobody settles what was not handed out to him, and a source reaches its own only."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import redis
from pydantic import SecretStr

from storage import dead_letters
from storage.database import Connection, Database
from tasks.results import Carrier
from telemetry.batch import Batch, Outcome, Report
from telemetry.codec import encode
from telemetry.grants import grant
from telemetry.push.batches import expand
from telemetry.push.message import Push
from telemetry.push.sources import Pushers
from telemetry.target import Window
from telemetry.undeliverable import wrap
from tests.support import writing
from tests.support.brokers import publish
from tests.support.forgetting import forget
from tests.support.ingesting import SETTINGS, all_queues, ingest, put, run_messages, running_ingest, windows
from tests.support.pushing import SENT, at, body, charges, costs, points
from tests.support.waiting import until
from workers.ingest import Ingest, Queues


@pytest.fixture
def queues(redis_url: str) -> Iterator[Queues]:
    with all_queues(redis_url, "training", "billing") as queues:
        yield queues


@contextmanager
def _running(queues: Queues, database: Database, pushers: Pushers | None = None) -> Iterator[Connection]:
    consumer = _consumer(queues, database, pushers)
    with running_ingest(queues.results, database, consumer=consumer), database.connection() as connection:
        yield connection


def _consumer(queues: Queues, database: Database, pushers: Pushers | None = None) -> Ingest:
    consumer = ingest(queues.results, database, SETTINGS, "training", "billing")
    return replace(consumer, queues=queues, pushers=pushers or consumer.pushers)


def _letters(connection: Connection, count: int) -> dict[str, str]:
    until(lambda: dead_letters.count_waiting(connection) == count, 20, f"{count} dead letters")
    return {letter.reason_code: letter.reason for letter in dead_letters.listing(connection)}


def _drained(queues: Queues) -> None:
    every: list[Carrier | None] = [queues.results, queues.bills, queues.letters, *queues.pushes.values()]
    until(lambda: not any(one.depth().messages for one in every if one), 20, "all of it is taken")


def _replaced(batch: Batch, **fields: object) -> Batch:
    return msgspec.structs.replace(batch, run=msgspec.structs.replace(batch.run, **fields))


def test_a_run_that_no_planner_handed_out_settles_nothing_and_the_true_one_does(
    queues: Queues, database: Database
) -> None:
    with database.connection() as connection:
        (window,) = windows(connection, 1)
    true = writing.run(window=window)
    batch, report = run_messages(true, series=2, batches=1)
    assert isinstance(batch, Batch)
    foreign = grant(SecretStr("x" * 32), true.target, true.window, 1, datetime(2099, 1, 1, tzinfo=UTC))
    forged = [
        _replaced(batch, grant="", started_at=true.started_at + timedelta(seconds=9)),
        _replaced(batch, grant=foreign, started_at=true.started_at + timedelta(seconds=9)),
        _replaced(batch, attempt=2, started_at=true.started_at + timedelta(seconds=9)),
    ]
    with _running(queues, database) as connection:
        put(queues.results, *forged, msgspec.structs.replace(report, run=_replaced(batch, grant="").run))
        letters = _letters(connection, 4)
        assert set(letters) == {"not_granted"}
        assert writing.ledger(connection, "state") == [("dispatched",)]
        assert writing.points(connection) == {}
        put(queues.results, batch, report)
        until(lambda: writing.ledger(connection, "state") == [("complete",)], 20, "the true run settles it")


def test_a_time_that_no_clock_shows_is_refused_whatever_is_signed(queues: Queues, database: Database) -> None:
    now = datetime(2026, 11, 24, 6, tzinfo=UTC)
    consumer = replace(_consumer(queues, database), now=lambda: now)
    with database.connection() as connection:
        (window,) = windows(connection, 1)
    batch, report = run_messages(writing.run(window=window), series=1, batches=1)
    assert isinstance(batch, Batch)
    late = [
        _replaced(batch, started_at=now + timedelta(minutes=11)),
        _replaced(batch, started_at=datetime(2099, 12, 31, 23, 59, tzinfo=UTC)),
        msgspec.structs.replace(batch, collected_at=now + timedelta(days=1)),
        msgspec.structs.replace(report, finished_at=now + timedelta(hours=1)),
    ]
    with running_ingest(queues.results, database, consumer=consumer), database.connection() as connection:
        put(queues.results, *late)
        letters = _letters(connection, 4)
        assert set(letters) == {"invalid"}
        assert "ahead of the ingest's clock (2026-11-24T06:00:00Z): set the clock of who sent it" in letters["invalid"]
        put(queues.results, batch, report)
        until(lambda: writing.ledger(connection, "state") == [("complete",)], 20, "the true run settles it")


def test_bills_wait_in_a_queue_of_their_own_and_are_taken_in_from_there(queues: Queues, database: Database) -> None:
    with database.connection() as connection:
        (window,) = windows(connection, 1)
    assert queues.bills is not None
    with _running(queues, database) as connection:
        put(queues.bills, *run_messages(writing.run(window=window), series=1, batches=1))
        until(lambda: writing.ledger(connection, "state") == [("complete",)], 20, "it is settled")


def test_what_a_source_names_is_its_own_whatever_it_calls_it(queues: Queues, database: Database) -> None:
    def same(source: str, value: float, sent_at: str) -> bytes:
        resource = {"id": "node-1", "account": "shop", "service": "web", "name": source, "tags": {"by": source}}
        metric = {"name": "load", "value": value, "resource": "node-1", "time": "2026-11-20T05:01:00Z"}
        return body(source=source, resources=[resource], metrics=[metric], sent_at=sent_at)

    with _running(queues, database) as connection:
        publish(queues.pushes["training"], same("training", 1.0, "2026-11-20T05:02:00Z"))
        publish(queues.pushes["billing"], same("billing", 2.0, "2026-11-20T05:03:00Z"))
        until(lambda: _values(connection) == {"training": 1.0, "billing": 2.0}, 20, "each has its own value")
        rows = connection.execute("SELECT source, account, resource_id, name, tags FROM reporting.resources ORDER BY 1")
        assert rows.fetchall() == [
            (source, "shop", "node-1", source, {"by": source}) for source in ("billing", "training")
        ]


def _values(connection: Connection) -> dict[str, float]:
    return dict(connection.execute("SELECT source, value FROM reporting.resource_metrics").fetchall())


def test_the_queue_of_a_source_takes_nothing_of_another_and_no_cloud(queues: Queues, database: Database) -> None:
    with database.connection() as connection:
        (window,) = windows(connection, 1)
    cloud, _ = run_messages(writing.run(window=window), series=1, batches=1)
    other, _ = expand(Push.model_validate_json(body(source="billing")))
    with _running(queues, database) as connection:
        publish(queues.pushes["training"], body(source="billing"), encode(cloud), encode(other), body())
        until(lambda: len(points(connection)) == 1, 20, "its own is stored")
        until(lambda: dead_letters.count_waiting(connection) == 3, 20, "the others are dead letters")
        reasons = sorted(letter.reason for letter in dead_letters.listing(connection))
        assert reasons[0].startswith("source: 'billing': this is the queue of 'training'")
        assert reasons[2].startswith("target aws/default/us-east-1/ec2: this is the queue of source 'training'")
        assert {key[0] for key in points(connection)} == {"training"}


def test_what_is_pushed_onto_the_results_queue_goes_by_the_queue_of_its_source(
    queues: Queues, database: Database
) -> None:
    ours = [encode(message) for message in expand(Push.model_validate_json(body(key="ours")))]
    publish(queues.results, body(), *ours, body(source="nobody"))
    with _running(queues, database) as connection:
        until(lambda: len(points(connection)) == 1, 20, "it is stored")
        _letters(connection, 1)
        _drained(queues)
        (runs,) = connection.execute("SELECT count(*) FROM finfleet.runs").fetchone() or (0,)
        assert runs == 2


def test_two_sources_that_share_agree_on_who_wins_whichever_comes_last(queues: Queues, database: Database) -> None:
    pushers = Pushers({"training": "training", "billing": "training"})

    def told(source: str, value: float, sent_at: str) -> bytes:
        metrics = [{"name": "load", "value": value, "resource": "n", "time": "2026-11-20T05:01:00Z"}]
        if source == "billing":
            metrics.append({"name": "price", "value": 7.0, "resource": "n", "time": "2026-11-20T05:01:00Z"})
        return body(source=source, resources=[{"id": "n"}], metrics=metrics, sent_at=sent_at)

    early, late = "2026-11-20T05:02:00Z", "2026-11-20T06:02:00Z"
    day = "2026-11-18"
    with _running(queues, database, pushers) as connection:
        for first, second in (("training", "billing"), ("billing", "training")):
            publish(queues.pushes[first], told(first, 1.0 if first == "training" else 2.0, early))
            _drained(queues)
            publish(queues.pushes[second], told(second, 1.0 if second == "training" else 2.0, late))
            _drained(queues)
            when = "2026-11-20T05:01:00Z"
            until(lambda: len(points(connection)) == 2, 20, "both have told")
            assert points(connection) == {("n", "load", when): 1.0, ("n", "price", when): 7.0}
        publish(queues.pushes["training"], charges(day, "5", sent_at=early))
        _drained(queues)
        bill = json.loads(charges(day, "9", sent_at=late))
        publish(queues.pushes["billing"], json.dumps(bill | {"source": "billing"}).encode())
        _drained(queues)
        assert costs(connection) == {day: "5"}
        assert connection.execute("SELECT DISTINCT source FROM reporting.resources").fetchall() == [("training",)]


def test_the_same_again_changes_nothing_for_as_long_as_it_may_be_pushed(queues: Queues, database: Database) -> None:
    pushers = Pushers({"training": "training"}, timedelta(days=400))
    clock = [SENT + timedelta(minutes=1)]
    consumer = replace(_consumer(queues, database, pushers), now=lambda: clock[0])
    metric = {"name": "load", "time": at("05:01:00")}
    first = body(metrics=[metric | {"value": 1}], key="k")
    # The sender's clock is far behind: by it, the first message would be forgotten at once.
    old = body(metrics=[metric | {"value": 1, "name": "slow"}], key="s", sent_at="2020-01-01T00:00:00Z")
    year = timedelta(days=365)
    with running_ingest(queues.results, database, consumer=consumer), database.connection() as connection:
        publish(queues.pushes["training"], first, old)
        until(lambda: len(points(connection)) == 2, 20, "both are stored")
        publish(queues.pushes["training"], body(metrics=[metric | {"value": 2}], sent_at=at("05:02:30")))
        until(lambda: 2.0 in points(connection).values(), 20, "the later one wins")
        clock[0] = SENT + year
        forget(
            connection,
            clock[0],
            points=timedelta(0),
            runs=timedelta(days=90),
            sent=timedelta(0),
            pushes=pushers.max_age,
        )
        publish(queues.pushes["training"], first, old)
        _drained(queues)
        assert sorted(points(connection).values()) == [1.0, 2.0]
        # Past that nobody would know any more, so it is refused in words.
        clock[0] = SENT + timedelta(days=401)
        publish(queues.pushes["training"], first)
        letters = _letters(connection, 1)
        assert "may be 400 days old at the most: raise retention.pushes" in letters["invalid"]
        assert sorted(points(connection).values()) == [1.0, 2.0]


def test_messages_of_a_thousand_days_each_are_stored_beside_their_neighbours(
    queues: Queues, database: Database
) -> None:
    first = datetime(2020, 1, 1, tzinfo=UTC)

    def years(number: int) -> bytes:
        days = [first + timedelta(days=day) for day in range(40 * number, 40 * number + 1000)]
        metrics = [{"name": f"m{number}", "value": 1, "time": day.isoformat()} for day in days]
        return body(metrics=metrics, key=f"years {number}")

    with _running(queues, database) as connection:
        publish(queues.pushes["training"], *(years(number) for number in range(2)), body())
        publish(queues.pushes["billing"], body(source="billing"))
        until(lambda: _count(connection, "billing") == 1, 20, "the neighbour does not wait for it")
        until(lambda: _count(connection, "training") == 2001, 100, "every day is stored")
        assert dead_letters.count_waiting(connection) == 0


def _count(connection: Connection, source: str) -> int:
    row = connection.execute("SELECT count(*) FROM reporting.resource_metrics WHERE source = %s", (source,)).fetchone()
    return row[0] if row else 0


def test_more_than_may_wait_is_a_dead_letter_that_can_be_sent_again(queues: Queues, database: Database) -> None:
    crowded = replace(_consumer(queues, database), max_waiting={"training": 2})
    publish(queues.pushes["training"], body(key="a"), body(key="b"))
    publish(queues.results, body(key="c"))
    # Nothing takes them off the queue of the source meanwhile.
    unread: Any = _Unread(queues.pushes["training"])
    crowded = replace(crowded, queues=replace(queues, pushes={"training": unread}))
    with running_ingest(queues.results, database, consumer=crowded), database.connection() as connection:
        letters = _letters(connection, 1)
        assert letters["over_budget"].startswith("source: 'training': 2 of its messages wait already, its max_waiting")
        (letter,) = dead_letters.listing(connection)
        kept = dead_letters.get(connection, letter.dead_letter_id)
        assert kept is not None
        assert kept.body == body(key="c")


class _Unread:
    """A queue that is full, and that nobody reads."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def __getattr__(self, name: str) -> object:
        return getattr(self._carrier, name)

    def consumer(self, **_: object) -> "_Nobody":
        return _Nobody()


class _Nobody:
    def receive(self, max_messages: int, wait: float) -> list[object]:
        del max_messages
        time.sleep(min(wait, 0.01))
        return []

    def hold(self) -> None: ...

    def close(self) -> None: ...


def test_what_a_worker_could_not_use_is_a_dead_letter_with_its_queue(queues: Queues, database: Database) -> None:
    assert queues.letters is not None
    wrapped = wrap("plan", "not_a_task", "its body is 5", b"5")
    with _running(queues, database) as connection:
        publish(queues.letters, wrapped, wrap("push", "<script>", "odd", b""), b"FL\xc1", wrap("p", "x", "y", b"")[:-1])
        until(lambda: dead_letters.count_waiting(connection) == 4, 20, "all are kept")
        found = sorted((letter.reason_code, letter.reason) for letter in dead_letters.listing(connection))
        assert ("not_a_task", "on queue plan: its body is 5") in found
        assert [code for code, _ in found] == ["malformed", "malformed", "malformed", "not_a_task"]


def test_nothing_is_stored_by_way_of_the_letters(queues: Queues, database: Database) -> None:
    with database.connection() as connection:
        (window,) = windows(connection, 1)
    batch, report = run_messages(writing.run(window=window), series=1, batches=1)
    pushed = [encode(message) for message in expand(Push.model_validate_json(body(key="ours")))]
    bodies = [encode(batch), encode(report), *pushed, body()]
    assert queues.letters is not None
    with _running(queues, database) as connection:
        publish(queues.letters, *bodies, *(wrap("push", "not_a_task", "odd", one) for one in bodies))
        until(lambda: not queues.letters or not queues.letters.depth().messages, 20, "all of it is taken")
        until(lambda: dead_letters.count_waiting(connection) >= len(bodies), 20, "all of it is kept")
        assert points(connection) == {}
        assert writing.points(connection) == {}
        assert writing.ledger(connection, "state") == [("dispatched",)]


def test_a_source_with_walls_is_not_spoken_for_by_a_trick(queues: Queues, database: Database) -> None:
    pushers = Pushers({"training": "training", "billing": "billing"}, walled=frozenset({"training"}))
    plain = body().decode()
    assert plain.startswith("{")
    tricks = [
        '{"source": "billing", ' + plain[1:],  # named twice: readers differ on which counts
        plain[:-1] + ', "source": "training"}',
        '{"x": NaN, ' + plain[1:],
        '{"s\\u006furce": "training", ' + plain.replace('"source"', '"origin"', 1)[1:],
        " \n" + plain,
        "\ufeff" + plain,
    ]
    with _running(queues, database, pushers) as connection:
        publish(queues.results, *(trick.encode() for trick in tricks), body(source="billing"))
        until(lambda: len(points(connection)) >= 1, 20, "the other is stored")
        _drained(queues)
        assert set(connection.execute("SELECT DISTINCT source FROM reporting.resources")) == {("billing",)}
        until(lambda: dead_letters.count_waiting(connection) == len(tricks), 20, "all of it is kept")


def test_no_source_can_take_the_run_of_another(queues: Queues, database: Database) -> None:
    shared = Pushers({"training": "training", "billing": "training"})
    ours = list(expand(Push.model_validate_json(body(key="ours"))))
    # The same id, under its own name, before the other one sends it.
    forged = []
    for message in ours:
        target = msgspec.structs.replace(message.run.target, account="billing")
        run = msgspec.structs.replace(message.run, target=target)
        forged.append(encode(msgspec.structs.replace(message, run=run)))
    with _running(queues, database, shared) as connection:
        publish(queues.pushes["billing"], *forged)
        _drained(queues)
        publish(queues.pushes["training"], body(key="ours"))
        _drained(queues)
        (runs,) = connection.execute("SELECT count(DISTINCT run_id) FROM finfleet.runs").fetchone() or (0,)
        assert runs == 2
        assert dead_letters.count_waiting(connection) == 0


def test_a_window_that_lies_far_ahead_is_refused_in_our_own_form_too(queues: Queues, database: Database) -> None:
    (batch, *_) = expand(Push.model_validate_json(body()))
    start = datetime(2099, 1, 1, tzinfo=UTC)
    late = msgspec.structs.replace(batch.run, window=Window(start, start + timedelta(minutes=5)))
    with _running(queues, database) as connection:
        publish(queues.pushes["training"], encode(Report(late, Outcome.EMPTY, 0, 0, batch.run.started_at, [])))
        assert "must not lie in the future" in _letters(connection, 1)["invalid"]
        assert connection.execute("SELECT count(*) FROM finfleet.collections").fetchone() == (0,)


def test_a_queue_that_is_none_does_not_stop_the_others(queues: Queues, database: Database, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        for stream in ("finfleet.push.training:stream", "finfleet.letters:stream"):
            client.delete(stream)
            client.set(stream, "in the way")
        with _running(queues, database) as connection:
            publish(queues.pushes["billing"], body(source="billing"))
            until(lambda: len(points(connection)) == 1, 20, "the neighbour is stored")


def test_a_source_with_walls_is_believed_on_its_own_queue_only(queues: Queues, database: Database) -> None:
    pushers = Pushers({"training": "training", "billing": "billing"}, walled=frozenset({"training"}))
    ours = [encode(message) for message in expand(Push.model_validate_json(body(key="ours")))]
    with _running(queues, database, pushers) as connection:
        publish(queues.results, body(), *ours, body(source="billing"))
        until(lambda: len(points(connection)) == 1, 20, "the other is stored")
        assert set(_letters(connection, 3)) == {"wrong_queue"}
        publish(queues.pushes["training"], body())
        until(lambda: len(points(connection)) == 2, 20, "its own queue is its own")
