"""Messages that are no task messages of ours, of every kind that we could think of, for any queue of Celery's.

``foreign_messages(seed)`` gives them without an end. Each is put by a client of the broker: a ``redis.Redis``, or a
channel of py-amqp's (``kombu.Connection(url).channel()``).
"""

import base64
import bz2
import json
import pickle
import random
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import amqp
import redis

PUSH = "finfleet.push"
Put = Callable[[Any, str], None]


@dataclass
class TaskMessage:
    """A task message as Celery's second protocol has it, before anybody has spoilt it."""

    task: Any
    args: Any = ()
    kwargs: Any = field(default_factory=dict)
    embed: Any = None
    headers: Any = field(default_factory=dict)
    properties: Any = field(default_factory=dict)
    content_type: Any = "application/json"
    content_encoding: Any = "utf-8"
    #: In the place of args, kwargs and embed.
    body: bytes | None = None

    def payload(self) -> bytes:
        """The bytes of the body."""
        if self.body is not None:
            return self.body
        args = list(self.args) if isinstance(self.args, tuple) else self.args
        return json.dumps([args, self.kwargs, self.embed]).encode()

    def all_headers(self) -> Any:
        """With what Celery's own clients send."""
        if not isinstance(self.headers, dict):
            return self.headers
        number = str(uuid.uuid4())
        made = {"lang": "py", "task": self.task, "id": number, "root_id": number, "retries": 0, **self.headers}
        return {name: value for name, value in made.items() if value is not ...}

    def envelope(self, queue: str) -> dict[str, Any]:
        """As kombu writes it into a list of Redis."""
        properties = {
            "correlation_id": str(uuid.uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        }
        changed = {**properties, **self.properties} if isinstance(self.properties, dict) else self.properties
        if isinstance(changed, dict):
            changed = {name: value for name, value in changed.items() if value is not ...}
        return {
            "body": base64.b64encode(self.payload()).decode(),
            "content-encoding": self.content_encoding,
            "content-type": self.content_type,
            "headers": self.all_headers(),
            "properties": changed,
        }

    def put(self, client: Any, queue: str) -> None:
        """Onto the queue."""
        if isinstance(client, redis.Redis):
            client.lpush(queue, json.dumps(self.envelope(queue)))
            return
        headers = self.all_headers()
        message = amqp.Message(
            self.payload(),
            content_type=_text(self.content_type),
            content_encoding=_text(self.content_encoding),
            application_headers=headers if isinstance(headers, dict) else {"headers": repr(headers)},
        )
        client.basic_publish(message, exchange="", routing_key=queue)


def good_push(message: dict[str, Any]) -> TaskMessage:
    """A message of the task ``finfleet.push`` that has no fault."""
    return TaskMessage(PUSH, (message,))


def raw(item: bytes) -> Put:
    """These bytes, as they are, in the list; on AMQP, as a body that says nothing of itself."""

    def put(client: Any, queue: str) -> None:
        if isinstance(client, redis.Redis):
            client.lpush(queue, item)
        else:
            client.basic_publish(amqp.Message(item), exchange="", routing_key=queue)

    return put


def spoilt(change: Callable[[dict[str, Any]], None]) -> Put:
    """A good message with its envelope changed; on AMQP, which has no envelope, the envelope as a body."""

    def put(client: Any, queue: str) -> None:
        envelope = TaskMessage(PUSH, ({},)).envelope(queue)
        change(envelope)
        raw(json.dumps(envelope).encode())(client, queue)

    return put


def table(header: bytes) -> Put:
    """On AMQP a message with this table of headers, byte for byte; on Redis the bytes."""

    def put(client: Any, queue: str) -> None:
        if isinstance(client, redis.Redis):
            client.lpush(queue, header)
            return
        message = amqp.Message(b"[[], {}, null]", content_type="application/json")
        flags = (0x2000).to_bytes(2, "big")
        message._serialize_properties = lambda: flags + len(header).to_bytes(4, "big") + header
        client.basic_publish(message, exchange="", routing_key=queue)

    return put


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _task(**fields: Any) -> Put:
    return TaskMessage(**{"task": PUSH, "args": ({},), **fields}).put


def _headers(**headers: Any) -> Put:
    return _task(headers=headers)


def _without(*names: str) -> Put:
    def change(envelope: dict[str, Any]) -> None:
        for name in names:
            del envelope[name]

    return spoilt(change)


def _set(name: str, value: Any) -> Put:
    return spoilt(lambda envelope: envelope.__setitem__(name, value))


def _set_property(name: str, value: Any) -> Put:
    return spoilt(lambda envelope: envelope["properties"].__setitem__(name, value))


_LINK = [{"task": "tasks.plan.sweep", "args": [], "kwargs": {}, "options": {"queue": "plan"}, "immutable": True}]
_DEEP = b"[" * 100_000 + b"]" * 100_000


def named() -> dict[str, Put]:
    """One of each kind; each is a dead letter on each queue of each role."""
    return {
        # Items that are no envelope.
        "five": raw(b"5"),
        "nothing": raw(b""),
        "words": raw(b"hello, world"),
        "not utf-8": raw(b"\xff\xfe\x00\x80"),
        "null": raw(b"null"),
        "a list": raw(b"[1, 2, 3]"),
        "an empty object": raw(b"{}"),
        "deep": raw(_DEEP),
        "deep in the headers": raw(b'{"body": "", "properties": {}, "headers": ' + _DEEP + b"}"),
        "many digits": raw(b'{"body": "", "properties": {}, "headers": {"x": ' + b"9" * 10_000 + b"}}"),
        "half a character": raw(b'{"body": "\\ud800", "properties": {}, "headers": {"task": "\\ud800"}}'),
        "no properties": _without("properties"),
        "no body": _without("body"),
        "no headers": _without("headers"),
        "headers are a list": _set("headers", [1]),
        "properties are a text": _set("properties", "x"),
        "the body is a number": _set("body", 5),
        "the body is not base64": _set("body", "***"),
        "an unknown body encoding": _set_property("body_encoding", "rot13"),
        "a value that kombu decodes": _set("headers", {"x": {"__type__": "uuid", "__value__": "x"}}),
        "headers of ten megabytes": _set("headers", {"task": PUSH, "id": "1", "x": "y" * 10_000_000}),
        # Bodies.
        "a body of five": _task(body=b"5"),
        "a body of an object": _task(body=b"{}"),
        "an empty body": _task(body=b""),
        "a body of two": _task(body=b"[[], {}]"),
        "a deep body": _task(body=b"[" + _DEEP + b", {}, null]"),
        "a body with many values": _task(body=b"[[[" + b"0," * 400_000 + b"0]], {}, null]"),
        "a body that is not utf-8": _task(body=b'[["\xff"], {}, null]'),
        "args are a number": _task(args=5),
        "kwargs are a list": _task(kwargs=[1]),
        "pickle": _task(content_type="application/x-python-serialize", content_encoding="binary", body=pickle.dumps(1)),
        "yaml": _task(content_type="application/x-yaml", body=b"!!python/object/apply:os.system [true]"),
        "no content type": _task(content_type=None),
        "an unknown encoding": _task(content_encoding="rot13"),
        "compressed": _task(headers={"compression": "application/x-gzip"}, body=zlib.compress(b"[[], {}, null]")),
        "a bomb": _task(headers={"compression": "application/x-bz2"}, body=bz2.compress(b"0" * 50_000_000)),
        # Tasks.
        "an unknown task": _task(task="no.such.task"),
        "a task of Celery's": _task(task="celery.backend_cleanup", args=()),
        "a letter": _task(task="finfleet.letter", args=("plan", "x", "y", "")),
        "a task that is a number": _task(task=5),
        "no id": _headers(id=...),
        "an id with an escape": _headers(id="\x1b[31mred"),
        "protocol 1": _task(
            headers={"task": ...}, body=b'{"task": "finfleet.push", "id": "1", "args": [], "kwargs": {}}'
        ),
        "an eta of words": _headers(eta="tomorrow"),
        "an eta of the year 9999": _headers(eta="9999-12-31T23:59:59-23:59"),
        "an eta that is a number": _headers(eta=5),
        "an expiry of words": _headers(expires="never"),
        "many retries": _headers(retries=10**6),
        "retries below zero": _headers(retries=-1),
        "a callback": _task(embed={"callbacks": _LINK}),
        "an errback": _task(embed={"errbacks": _LINK}),
        "a chain": _task(embed={"chain": _LINK}),
        "a chord": _task(embed={"chord": _LINK[0]}),
        "a field of the request": _task(embed={"is_eager": True}),
        # Of AMQP.
        "a table with a time past all": table(b"\x01xT" + b"\xff" * 8),
        "an array of arrays": table(_arrays(2000)),
    }


def _arrays(depth: int) -> bytes:
    value = b"V"
    for _ in range(depth):
        value = b"A" + len(value).to_bytes(4, "big") + value
    return b"\x01x" + value


def foreign_messages(seed: int) -> Iterator[tuple[str, Put]]:
    """Kinds, and functions that put one message of the kind onto a queue; the same for the same seed."""
    chance = random.Random(seed)
    kinds = named()
    slow = {"headers of ten megabytes", "a bomb"}
    for number in count():
        if number % 3 == 0:
            name = chance.choice(list(kinds))
            if name in slow and chance.random() < 0.9:
                continue
            yield name, kinds[name]
        elif number % 3 == 1:
            yield "bytes", raw(chance.randbytes(chance.randrange(200)))
        else:
            yield "a spoilt envelope", raw(_spoilt(chance))


def _spoilt(chance: random.Random) -> bytes:
    """An envelope with some bytes changed, cut or doubled; never the one that it was."""
    item = json.dumps(TaskMessage("no.such.task").envelope("push")).encode()
    for _ in range(chance.randrange(1, 6)):
        at, length = chance.randrange(len(item)), chance.randrange(1, 20)
        piece = chance.choice([b"", chance.randbytes(length), item[at : at + length] * 2])
        item = item[:at] + piece + item[at + length :]
    return item
