"""The broker's user of one source, as docs/push.md sets it up, in the hands of somebody else: what it can reach."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tasks.results import BILLS, LETTERS, NAME, pushes_of
from tests.support.pushing import body
from workers.embedded import EmbeddedValkey

_DOCS = Path(__file__).parents[2] / "docs" / "push.md"
_OWN = f"{pushes_of('training')}:stream"
_OTHERS = [f"{name}:stream" for name in (NAME, BILLS, LETTERS, pushes_of("billing"))]


@pytest.fixture
def stolen(valkey: EmbeddedValkey) -> Iterator[redis.Redis]:
    """A client with the rights of the docs, beside a fleet's keys."""
    url = valkey.url.get_secret_value()
    (rule,) = re.findall(r"^ACL SETUSER (\S+) (.*)$", _DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    rights = [word.strip("'").replace("PASSWORD", "a-password-of-its-own") for word in rule[1].split()]
    with redis.Redis.from_url(url) as admin:
        admin.execute_command("ACL", "SETUSER", rule[0], *rights)
        for key in _OTHERS:
            admin.xadd(key, {"id": "1", "body": body()})
        admin.rpush("collect.aws", "a task")
        admin.set("finfleet:quota:aws", "1")
    host = url.rpartition("@")[2].removesuffix("/0")
    stranger = f"redis://{rule[0]}:a-password-of-its-own@{host}/0"
    with redis.Redis.from_url(stranger, driver_info=None, protocol=2) as client:
        yield client


def test_it_pushes_to_its_own_queue(stolen: redis.Redis) -> None:
    assert stolen.xadd(_OWN, {"id": "1", "body": body()})


ATTEMPTS = [
    *(("XADD", key, "*", "id", "1", "body", "x") for key in _OTHERS),
    *(("XRANGE", key, "-", "+") for key in [_OWN, *_OTHERS]),
    ("XREAD", "STREAMS", _OTHERS[0], "0"),
    ("XREADGROUP", "GROUP", "ingest", "me", "STREAMS", _OTHERS[0], ">"),
    ("XGROUP", "DESTROY", _OTHERS[0], "ingest"),
    ("XTRIM", _OTHERS[0], "MAXLEN", "0"),
    ("XDEL", _OWN, "1-1"),
    ("DEL", _OTHERS[0]),
    ("RENAME", _OTHERS[0], _OWN),
    ("LPUSH", "collect.aws", "{}"),
    ("LPUSH", "plan", "{}"),
    ("LPUSH", "push", "{}"),
    ("BRPOP", "collect.aws", "1"),
    ("PUBLISH", "/0.celery.pidbox", "{}"),
    ("SET", "finfleet:quota:aws", "0"),
    ("GET", "finfleet:quota:aws"),
    ("KEYS", "*"),
    ("EVAL", "return 1", "0"),
    ("FLUSHALL",),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("SHUTDOWN", "NOSAVE"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("ACL", "SETUSER", "training-producer", "allkeys", "+@all"),
    ("REPLICAOF", "127.0.0.1", "1"),
]


def test_it_reads_overwrites_and_stops_nothing(stolen: redis.Redis) -> None:
    for attempt in ATTEMPTS:
        with pytest.raises(redis.exceptions.NoPermissionError):
            stolen.execute_command(*attempt)  # type: ignore[no-untyped-call]  # redis-py is partly typed
    assert stolen.ping()
