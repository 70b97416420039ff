"""Signs of life: what the database keeps of them, and how they get there from who has no database."""

import uuid
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from pydantic import SecretStr

from storage import processes
from storage.database import Connection, Database
from tasks.results import PROCESSES, open_carrier
from telemetry.broker import parse
from telemetry.presence import Sign, wrap
from tests.support import writing
from tests.support.brokers import Lending
from tests.support.forgetting import forget
from tests.support.ingesting import all_queues, ingest, running_ingest
from tests.support.waiting import until
from tests.unit.test_presence import SIGN
from workers.health import presence
from workers.health.presence import ByBroker, Relay, by_database
from workers.ingest import Queues
from workers.status.fates import OWN


def _sign(**changes: object) -> Sign:
    return msgspec.structs.replace(SIGN, process_id=uuid.uuid4(), **changes)


def _silent(connection: Connection, sign: Sign, seconds: float) -> None:
    connection.execute(
        "UPDATE finfleet.processes SET last_seen = now() - %s * interval '1 second' WHERE process_id = %s",
        (seconds, sign.process_id),
    )


def test_signs_are_kept_and_an_end_in_order_is_known(database: Database) -> None:
    one, other = _sign(role="beat"), _sign(trouble="deaf")
    with database.connection() as connection:
        processes.tell(connection, [one, other, one])
        beat, worker = processes.listing(connection)
        assert (beat.process_id, beat.role, beat.stopped, beat.trouble) == (one.process_id, "beat", False, "")
        assert (worker.queues, worker.pid, worker.host, worker.trouble) == (
            " ".join(other.queues),
            42,
            "host-1",
            "deaf",
        )
        assert worker.started_at == datetime.fromtimestamp(other.started_at, UTC)
        assert 0 <= worker.silent < 60
        _silent(connection, other, 100)
        assert processes.listing(connection)[1].silent >= 100
        processes.tell(connection, [other, msgspec.structs.replace(one, stopped=True)])
        beat, worker = processes.listing(connection)
        assert (beat.stopped, worker.silent < 60) == (True, True)


def test_what_vanished_is_told_for_an_hour_and_kept_for_a_day(database: Database) -> None:
    sign = _sign()
    with database.connection() as connection:
        processes.tell(connection, [sign])
        _silent(connection, sign, 3700)
        assert processes.listing(connection) == []
        assert writing.count(connection, "processes") == 1
        nothing = timedelta(0)
        forget(connection, datetime.now(UTC) + timedelta(hours=24), points=nothing, runs=nothing, sent=nothing)
        assert writing.count(connection, "processes") == 0


def test_a_sign_from_before_its_end_does_not_bring_a_process_back(database: Database) -> None:
    sign = _sign()
    with database.connection() as connection:
        processes.tell(connection, [sign])
        processes.tell(connection, [msgspec.structs.replace(sign, stopped=True)])
        processes.tell(connection, [sign])
        (found,) = processes.listing(connection)
    assert found.stopped


def test_nobody_takes_another_ones_place_or_fills_the_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "MOST", 2)
    first = _sign()
    with database.connection() as connection:
        processes.tell(connection, [first, _sign()])
        processes.tell(connection, [_sign(), _sign()])
        assert writing.count(connection, "processes") == 2
        processes.tell(connection, [msgspec.structs.replace(first, role="beat", stopped=True)])
        kept = next(one for one in processes.listing(connection) if one.process_id == first.process_id)
        assert (kept.role, kept.stopped) == ("worker aws", False)
        for role in sorted(OWN):
            processes.tell(connection, [msgspec.structs.replace(_sign(), role=role)])
        assert writing.count(connection, "processes") == 2 + len(OWN), "they are still listed"


@pytest.mark.parametrize("kind", ["redis", pytest.param("amqp", marks=pytest.mark.amqp)])
def test_who_has_no_database_is_written_down_by_an_ingest(
    kind: str, brokers: Lending, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, own = Relay(), _sign(role="ingest")
    with (
        brokers.lend(kind) as broker,
        all_queues(broker.url) as queues,
        closing(open_carrier(SecretStr(broker.url), PROCESSES)) as carrier,
        closing(carrier.publisher()) as publisher,
        closing(ByBroker(parse(SecretStr(broker.url)))) as tell,
        database.connection() as connection,
    ):
        sign = _sign(role="worker aws")
        tell(sign)
        publisher.publish(b"FP nothing of ours", message_id="x")
        publisher.publish(wrap(_sign(role="ingest")), message_id="y")
        consumer = replace(
            ingest(queues.results, database), queues=Queues(queues.results, processes=carrier), notice=relay.add
        )
        with running_ingest(queues.results, database, consumer=consumer):
            until(lambda: writing.count(connection, "dead_letters") == 2, what="what is none of ours is a dead letter")
            until(lambda: carrier.depth().messages == 0)
        by_database(database, relay)(own)
        assert {one.process_id for one in processes.listing(connection)} == {sign.process_id, own.process_id}
        monkeypatch.setattr(presence, "_MOST_WAITING", 0)
        tell(_sign())
        assert carrier.depth().messages == 0, "where nobody takes them, they do not pile up"
