# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""What is no task message of ours, on every queue of every role: a dead letter with its reason, and nothing else."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from tasks.results import NAME, open_carrier, pushes_of
from tests.support.brokers import Broker, Lending
from tests.support.foreign import TaskMessage, named
from tests.support.foreign_run import putting, read_letters, running_worker
from tests.support.pushing import message
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("foreign")]

_HOST = ("generic/default/local/host", "2026-11-20T05:00:00Z/2026-11-20T05:05:00Z", 1)


@pytest.fixture(scope="module", params=["redis", pytest.param("amqp", marks=pytest.mark.amqp)])
def broker(request: pytest.FixtureRequest, brokers: Lending) -> Iterator[Broker]:
    with brokers.lend(request.param) as running:
        yield running


def _results(broker: Broker, role: str) -> int:
    name = pushes_of("training") if role == "push" else NAME
    with closing(open_carrier(SecretStr(broker.url), name)) as carrier:
        return carrier.depth().messages


def _is_empty(client: Any, queue: str) -> bool:
    if isinstance(client, redis.Redis):
        return not client.llen(queue) and not client.exists("unacked", "unacked_index")
    return not client.queue_declare(queue, passive=True).message_count


_GOOD: Mapping[str, tuple[str, Callable[[], TaskMessage]]] = {
    "push": ("push", lambda: TaskMessage("finfleet.push", (message(),))),
    "generic": ("collect.generic", lambda: TaskMessage("tasks.collect.collect", _HOST)),
    "plan": ("plan", lambda: TaskMessage("tasks.plan.sweep", ())),
}


@pytest.mark.parametrize("role", ["push", "generic", "plan"])
def test_each_is_a_dead_letter_and_its_neighbours_run(
    broker: Broker, role: str, tmp_path: Path, database_url: str
) -> None:
    queue, good = _GOOD[role]
    kinds = named()
    variables = {"FINFLEET_DATABASE_URL": database_url} if role == "plan" else {}
    with (
        putting(broker) as client,
        read_letters(broker.url) as letters,
        running_worker(tmp_path, broker.url, role, **variables) as worker,
    ):
        before = _results(broker, role)
        for put in kinds.values():
            good().put(client, queue)
            put(client, queue)
        # A task of another queue's.
        for other, (_, foreign) in _GOOD.items():
            if other != role:
                foreign().put(client, queue)
        good().put(client, queue)
        wanted = len(kinds) + 2
        until(lambda: len(letters()) >= wanted, 90, f"{wanted} letters")
        until(lambda: _is_empty(client, queue), 60, "nothing is left")
        if role == "plan":
            until(lambda: worker.said.count("sweep: ") == len(kinds) + 1, 60, "the neighbours have run")
        else:
            until(lambda: _results(broker, role) - before >= len(kinds) + 1, 60, "the neighbours have run")
        found = letters()
    assert len(found) == wanted
    assert {letter.queue for letter in found} == {queue}
    assert all(letter.reason for letter in found)
    assert Counter(letter.code for letter in found).keys() <= _CODES
    assert "\x1b" not in worker.said


_CODES = {
    *("arguments", "canvas", "content_type", "encoding", "headers", "malformed", "not_json"),
    *("protocol", "source", "time", "too_large", "unknown_task"),
}
