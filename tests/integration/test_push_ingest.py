"""Plain JSON straight on the results queue: through the real consumer into Postgres, once, in whatever order."""

import itertools
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import msgspec
import pytest
from pydantic import SecretStr

from storage import dead_letters
from storage.database import Connection, Database
from tasks.results import Carrier, open_carrier
from telemetry.batch import Batch
from telemetry.codec import encode
from telemetry.push.batches import expand
from telemetry.push.message import Push
from telemetry.push.sources import Pushers
from telemetry.target import Window
from tests.support.brokers import publish
from tests.support.ingesting import ingest, running_ingest
from tests.support.pushing import SENT_AT, at, body, charges, costs, day, points, states
from tests.support.waiting import until


@pytest.fixture
def carrier(redis_url: str) -> Iterator[Carrier]:
    with closing(open_carrier(SecretStr(redis_url))) as carrier:
        yield carrier


@pytest.fixture
def connection(carrier: Carrier, database: Database) -> Iterator[Connection]:
    """With a consumer at work that lets `training` and `billing` push."""
    consumer = replace(ingest(carrier, database), pushers=Pushers.alone("training", "billing"))
    with running_ingest(carrier, database, consumer=consumer), database.connection() as connection:
        yield connection


def _until_points(connection: Connection, count: int) -> dict[tuple[str, str, str], float]:
    until(lambda: len(points(connection)) == count, 20, f"{count} points")
    return points(connection)


def _until_letters(connection: Connection, count: int) -> list[dead_letters.DeadLetter]:
    until(lambda: dead_letters.count_waiting(connection) == count, 20, f"{count} dead letters")
    return dead_letters.listing(connection)


def test_a_pushed_number_is_in_postgres_once_however_often_it_comes(carrier: Carrier, connection: Connection) -> None:
    gpus = [{"id": f"gpu-{number}", "type": "h100", "tags": {"team": "vision"}} for number in range(3)]
    metrics = [{"name": "temperature", "value": 60 + n, "resource": f"gpu-{n}", "time": SENT_AT} for n in range(3)]
    several = body(resources=gpus, metrics=metrics)
    publish(carrier, body(), several, several, body(), several)
    # The same content under a key, sent again by a client that looked at its clock once more: one run.
    publish(carrier, body(key="a"), body(key="a", sent_at=at("05:03:00")))
    publish(carrier, body(metrics=[{"name": "last", "value": 1}]))

    found = _until_points(connection, 5)

    until(lambda: carrier.depth().messages == 0, 20, "all of it is taken")
    assert found["training", "gpu_utilization", SENT_AT] == 85.5
    assert {found[f"gpu-{n}", "temperature", SENT_AT] for n in range(3)} == {60, 61, 62}
    assert states(connection) == {"complete": 1}
    (runs,) = connection.execute("SELECT count(*) FROM finfleet.runs").fetchone() or (0,)
    assert runs == 4
    (outbox,) = connection.execute("SELECT count(*) FROM finfleet.outbox").fetchone() or (0,)
    assert outbox == 4
    (tags,) = (
        connection.execute("SELECT tags FROM finfleet.resources WHERE name = '' AND type = 'h100'").fetchone() or ()
    )
    assert tags == {"team": "vision"}
    assert dead_letters.count_waiting(connection) == 0


def test_costs_of_a_day_are_replaced_whole_by_what_was_sent_later(carrier: Carrier, connection: Connection) -> None:
    sent = [
        charges(day(2), "1.10", "2.20", sent_at=at("01:00:00", 1)),
        charges(day(2), "1.10", "2.25", "0.000000000000000001", sent_at=at("02:00:00", 1)),
        charges(day(3), "5", sent_at=at("01:00:00", 1)),
        charges(day(3), sent_at=at("03:00:00", 1)),  # there were none after all
    ]
    shuffled = [*sent, *sent]
    random.Random(7).shuffle(shuffled)
    for one in shuffled:
        publish(carrier, one)
    publish(carrier, body())
    _until_points(connection, 1)
    assert costs(connection) == {day(2): "3.350000000000000001"}
    assert states(connection) == {"complete": 2, "empty": 1}


def test_every_order_of_arrival_ends_the_same(carrier: Carrier, connection: Connection) -> None:
    values = {at("05:02:10"): 1.0, at("05:02:20"): 2.0, at("05:02:30"): 3.0}
    for number, order in enumerate(itertools.permutations(values)):
        for sent_at in order:
            metric = {"name": f"m{number}", "value": values[sent_at], "time": SENT_AT}
            publish(carrier, body(metrics=[metric], sent_at=sent_at))
    publish(carrier, body())
    found = _until_points(connection, 7)
    assert {found["training", f"m{number}", SENT_AT] for number in range(6)} == {3.0}


def test_what_is_bad_is_a_dead_letter_with_all_its_faults(carrier: Carrier, connection: Connection) -> None:
    bad = {
        b'{"source": "training", "metrics': "malformed",
        body(sent_at=SENT_AT[:-1], metrics=[{"name": "", "value": "1"}]): "invalid",
        body(source="nobody"): "unplanned",
        body(metrics=[{"name": "a", "value": float("nan")}]): "invalid",
        body(metrics=[{"name": "a", "value": 1, "resource": "gpu-9"}]): "invalid",
        body(resources=[{"id": "a", "attributes": {"bits": 2**64}}]): "invalid",
        body(sent_at="0001-01-01T00:00:00+14:00"): "invalid",
        charges(day(1), "1e1000000"): "invalid",
    }
    publish(carrier, *bad, body())
    letters = {letter.dead_letter_id: letter for letter in _until_letters(connection, len(bad))}
    found = {}
    for number in letters:
        letter = dead_letters.get(connection, number)
        assert letter is not None
        found[letter.body] = letter.reason_code
        if letter.body == list(bad)[1]:
            assert letter.reason.splitlines() == [
                f"sent_at: '{SENT_AT[:-1]}': write a time with its zone: 2026-11-24T05:00:00Z",
                "metrics[0].name: '': must not be empty",
                "metrics[0].value: '1': write a number, such as 5 or 0.5",
            ]
    assert found == bad
    # Their neighbour is untouched.
    assert _until_points(connection, 1)


def test_a_source_that_is_named_later_is_let_in_by_a_replay(carrier: Carrier, database: Database) -> None:
    late = body()
    with database.connection() as connection:
        with running_ingest(carrier, database):
            publish(carrier, late)
            (letter,) = _until_letters(connection, 1)
        assert "add {name: training, kind: push} to generic.sources" in letter.reason
        again = dead_letters.get(connection, letter.dead_letter_id)
        assert again is not None
        assert again.body == late
        consumer = replace(ingest(carrier, database), pushers=Pushers.alone("training"))
        with running_ingest(carrier, database, consumer=consumer):
            publish(carrier, again.body)
            _until_points(connection, 1)


def test_batches_of_ours_are_let_in_only_for_a_named_source_and_on_the_grid(
    carrier: Carrier, connection: Connection
) -> None:
    batch, report = expand(Push.model_validate_json(body()))
    stranger, _ = expand(Push.model_validate_json(body(source="nobody")))
    assert isinstance(batch, Batch)
    window = Window(batch.run.window.start, batch.run.window.end.replace(minute=8))
    crooked = encode(_with_window(batch, window))
    publish(carrier, encode(stranger), crooked, encode(report), encode(batch))

    _until_points(connection, 1)

    reasons = sorted(letter.reason for letter in _until_letters(connection, 2))
    assert reasons[0].startswith("source 'nobody' may not push: name it in generic.sources")
    assert "has no window" in reasons[1]
    assert states(connection) == {"complete": 1}


def _with_window(batch: Batch, window: Window) -> Batch:
    return msgspec.structs.replace(batch, run=msgspec.structs.replace(batch.run, window=window))


def test_a_source_that_is_no_longer_named_pushes_no_more(carrier: Carrier, database: Database) -> None:
    with database.connection() as connection:
        consumer = replace(ingest(carrier, database), pushers=Pushers.alone("training"))
        with running_ingest(carrier, database, consumer=consumer):
            publish(carrier, body())
            _until_points(connection, 1)
        message = encode(next(expand(Push.model_validate_json(body(key="later")))))
        with running_ingest(carrier, database):
            publish(carrier, message)
            (letter,) = _until_letters(connection, 1)
        assert "may not push" in letter.reason
