"""The task `finfleet.push` in a real worker: what it is given, and what it does where it cannot get rid of it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import celery
import pytest
import redis

from storage import dead_letters
from storage.database import Database
from tasks.results import pushes_of
from tests.support.ingesting import SETTINGS, all_queues, ingest, running_ingest
from tests.support.pushing import message, points, push_worker
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("push_task")


@pytest.fixture
def log(tmp_path: Path, redis_url: str) -> Iterator[Path]:
    with push_worker(tmp_path, redis_url, ["training"]) as log:
        yield log


def _send(redis_url: str, *args: Any, **fields: Any) -> None:
    app = celery.Celery(broker=redis_url)
    app.send_task("finfleet.push", args=args, kwargs=fields, queue="push", ignore_result=True)
    app.close()


def test_whatever_it_is_given_is_stored_or_becomes_a_dead_letter(log: Path, redis_url: str, database: Database) -> None:
    with all_queues(redis_url, "training") as queues, database.connection() as connection, ExitStack() as stack:
        consumer = replace(ingest(queues.results, database, SETTINGS, "training"), queues=queues)
        stack.enter_context(running_ingest(queues.results, database, consumer=consumer))
        _send(redis_url, message())
        _send(redis_url, message())
        half = message(resources=[{"id": "\ud800"}])
        for arguments in ((), ("text",), (1, 2), ({},), (message(source="nobody"),), (half,)):
            _send(redis_url, *arguments)
        _send(redis_url, source="training", metrics=[])
        until(lambda: dead_letters.count_waiting(connection) == 7 and points(connection), 40, "all of it has arrived")
        letters = [dead_letters.get(connection, one.dead_letter_id) for one in dead_letters.listing(connection)]
    bodies = [json.loads(letter.body or b"") for letter in letters if letter is not None]
    for kept in ({"arguments": ["text"]}, {"arguments": [1, 2, {}]}, {}, message(source="nobody"), half):
        assert kept in bodies
    assert "finfleet.push: the message becomes a dead letter: source: 'nobody'" in log.read_text()


def test_what_the_results_queue_does_not_take_is_put_back(log: Path, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        stream = f"{pushes_of('training')}:stream"
        client.set(stream, "in the way")
        _send(redis_url, message())
        until(lambda: "did not take message push/push" in log.read_text(), 40, "it was refused")
        client.delete(stream)
        until(lambda: client.xlen(stream) == 1, 40, "it was put back, and taken")
        until(lambda: client.llen("push") == 0 and not client.exists("unacked"), 20, "it is done")
