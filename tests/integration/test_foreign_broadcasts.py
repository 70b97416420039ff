# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""Strangers on the channels of Celery's remote control and events, and in the keys that kombu keeps for itself."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from celery import Celery

from tests.support.foreign import TaskMessage
from tests.support.foreign_run import read_letters, running_worker
from tests.support.pushing import message
from tests.support.waiting import until
from workers.embedded.ports import free_port

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("foreign")]

_STREAM = "finfleet.results:stream"
_PUSHED = "finfleet.push.training:stream"


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


def _broadcast(body: Any) -> bytes:
    """As kombu publishes it."""
    envelope = TaskMessage("x", body=json.dumps(body).encode(), headers={"clock": 1}).envelope("")
    return json.dumps(envelope).encode()


def _decoded(data: bytes) -> bytes:
    """What an event says, out of kombu's envelope."""
    return base64.b64decode(json.loads(data)["body"])


def _strange_bodies() -> list[bytes]:
    deep = b"[" * 50_000 + b"]" * 50_000
    raw = [b"5", b"", b"null", b"{}", b"[]", b"\xff\xfe", b'{"properties": 5}', deep, b'{"body": 1, "properties": {}}']
    shutdown: dict[str, Any] = {"method": "shutdown", "arguments": {}, "destination": None}
    cancel = {"method": "cancel_consumer", "arguments": {"queue": "push"}}
    elsewhere = {"method": "ping", "arguments": {}, "reply_to": {"exchange": "", "routing_key": "push"}, "ticket": "1"}
    bodies: list[Any] = [
        *(5, None, [], {}, "text", {"method": 5}, {"method": []}, {"method": "ping", "arguments": 5}),
        *({"method": "ping", "reply_to": 5}, {"method": "ping", "destination": 5}, {"method": "no such"}),
        *({"method": "ping", "pattern": "(", "matcher": "pcre"}, {"method": "revoke", "arguments": {"task_id": "x"}}),
        *(shutdown, cancel, elsewhere, {"method": "pool_restart"}, {"method": "rate_limit"}),
        *(
            {"type": 5, "hostname": 5},
            {"type": "task-x"},
            [1, {"type": "worker-heartbeat", "hostname": "x", "clock": "y"}],
        ),
        {"type": "task-received", "hostname": "x@y", "uuid": [], "timestamp": "later", "utcoffset": {}},
    ]
    return [*raw, *map(_broadcast, bodies)]


def _database(redis_url: str) -> str:
    return redis_url.rsplit("/", 1)[1]


def test_a_worker_obeys_nobody_and_outlives_all_of_it(client: "redis.Redis", redis_url: str, tmp_path: Path) -> None:
    with running_worker(tmp_path, redis_url, "push") as worker:
        for channel in (f"/{_database(redis_url)}.celery.pidbox", f"/{_database(redis_url)}.celeryev/worker.heartbeat"):
            for body in _strange_bodies():
                client.publish(channel, body)
        TaskMessage("finfleet.push", (message(),)).put(client, "push")
        until(lambda: client.exists(_PUSHED) and client.xlen(_PUSHED) == 1, 30, "it still takes what is pushed")
        with Celery(broker=redis_url) as app:
            assert app.control.ping(timeout=30, limit=1), "it answers"
            assert app.control.inspect(timeout=30, limit=1).active_queues()
        assert "Control command error" not in worker.said
        assert "Trying to re-establish" not in worker.said
        assert client.llen("push") == 0, "no answer went elsewhere"


def test_flower_outlives_them_too(client: "redis.Redis", redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    variables = {"FINFLEET_BROKER_URL": redis_url, "FLOWER_BASIC_AUTH": "a:canary", "FLOWER_PORT": str(port)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workers.cli", "flower"],
            env={**os.environ, **variables},
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    event = {"type": "worker-heartbeat", "hostname": "good@worker", "clock": 1, "timestamp": 1.0, "utcoffset": 0}
    channel = f"/{_database(redis_url)}.celeryev/worker.heartbeat"
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("a", "canary"), trust_env=False) as flower:
            until(client.pubsub_numpat, 60, "Flower listens")
            for body in _strange_bodies():
                client.publish(channel, body)

            def seen() -> bool:
                client.publish(channel, _broadcast(event))
                return "good@worker" in flower.get("/workers?json=1", timeout=30).text

            until(seen, 60, "Flower sees a worker")
        assert "Failed to capture" not in (tmp_path / "log").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_what_strangers_leave_in_kombus_own_keys(client: "redis.Redis", redis_url: str, tmp_path: Path) -> None:
    with running_worker(tmp_path, redis_url, "push") as worker:
        # Notes of unacknowledged messages, long overdue; a queue that is no list; a binding that is none.
        for number, note in enumerate([b"5", b"\xff", b"{}", b'[{"headers": 5}, "", "push"]', b"[1, 2, 3]"]):
            client.hset("unacked", f"tag {number}", note)
            client.zadd("unacked_index", {f"tag {number}": 1})
        client.zadd("unacked_index", {"of nothing": 1})
        client.set("push.training", "no list")
        client.sadd("_kombu.binding.finfleet.tasks", "x")
        until(lambda: not client.exists("unacked", "unacked_index", "push.training", "push"), 60, "all of it is gone")
        assert client.get("finfleet.aside:push.training") == b"no list"
        TaskMessage("finfleet.push", (message(),)).put(client, "push.training")
        until(lambda: client.exists(_PUSHED) and client.xlen(_PUSHED) == 1, 30, "the neighbour has run")
        until(lambda: not client.exists("unacked"), 30, "nothing is unacknowledged")
        assert "Trying to re-establish" not in worker.said
    with read_letters(redis_url) as letters:
        until(lambda: len(letters()) == 6, 30, "a letter of each")


def test_a_task_that_tries_itself_again_is_taken(client: "redis.Redis", redis_url: str, tmp_path: Path) -> None:
    host = ("generic/default/local/host", "2026-11-20T05:00:00Z/2026-11-20T05:05:00Z", 1)
    client.set(_STREAM, "in the way")
    with running_worker(tmp_path, redis_url, "generic") as worker, client.pubsub() as events:
        events.psubscribe("*celeryev*")
        task = TaskMessage("tasks.collect.collect", (*host, "a-grant"), headers={"argsrepr": "named by who sent it"})
        task.put(client, "collect.generic")
        until(lambda: "nothing is published: " in worker.said, 30, "its report could not be published")
        client.delete(_STREAM)
        until(lambda: client.exists(_STREAM) and client.xlen(_STREAM) >= 1, 60, "it was tried again")
        heard = iter(lambda: events.get_message(timeout=0.5), None)
        said = b"".join(_decoded(one["data"]) for one in heard if one["type"] == "pmessage")
    assert "foreign message" not in worker.said
    assert said.count(b'"task-received"') == 2
    # Whoever may listen to the events, Flower for one, must not come by what settles a window.
    assert b"a-grant" not in said
    assert "a-grant" not in worker.said


def test_a_queue_of_a_source_is_of_that_source(client: "redis.Redis", redis_url: str, tmp_path: Path) -> None:
    with running_worker(tmp_path, redis_url, "push"), read_letters(redis_url) as letters:
        TaskMessage("finfleet.push", (message(source="training"),)).put(client, "push.other")
        # A tag of another's message, and a way back to a queue of somebody else's.
        for _ in range(3):
            one = TaskMessage("finfleet.push", (message(),))
            one.properties = {"delivery_tag": "the same", "delivery_info": {"exchange": "", "routing_key": "plan"}}
            one.put(client, "push.training")
        until(lambda: client.exists(_PUSHED) and client.xlen(_PUSHED) == 3, 30, "each has arrived")
        until(lambda: len(letters()) == 1, 30, "the letter")
        assert (letters()[0].queue, letters()[0].code) == ("push.other", "source")
        assert not client.exists("plan")


def test_events_of_many_tasks_share_messages_and_none_is_lost_at_the_end(
    client: "redis.Redis", redis_url: str, tmp_path: Path
) -> None:
    with client.pubsub() as events:
        events.psubscribe("*celeryev/task.multi")
        with running_worker(tmp_path, redis_url, "push"):
            for _ in range(60):
                TaskMessage("finfleet.push", (message(),)).put(client, "push")
            until(lambda: client.exists(_PUSHED) and client.xlen(_PUSHED) == 60, 30, "all are run")
        heard = [one for one in iter(lambda: events.get_message(timeout=0.1), None) if one["type"] == "pmessage"]
    kinds = Counter(event["type"] for one in heard for event in json.loads(_decoded(one["data"])))
    assert kinds == {"task-received": 60, "task-started": 60, "task-succeeded": 60}
    assert len(heard) < 60
