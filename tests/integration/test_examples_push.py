"""The examples of producers, none of which use our code: through a real worker and a real consumer into Postgres."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from storage import dead_letters
from storage.database import Connection, Database
from tests.support.ingesting import SETTINGS, all_queues, ingest, running_ingest
from tests.support.node import node_modules, run_node
from tests.support.pushing import costs, points, push_worker
from tests.support.waiting import until

_EXAMPLES = Path(__file__).parents[2] / "examples"
_SOURCES = ("training", "checkout")


@pytest.fixture
def stored(tmp_path: Path, redis_url: str, database: Database) -> Iterator[Connection]:
    """What is in Postgres, while worker and consumer run."""
    with ExitStack() as stack:
        queues = stack.enter_context(all_queues(redis_url, *_SOURCES))
        consumer = replace(ingest(queues.results, database, SETTINGS, *_SOURCES), queues=queues)
        stack.enter_context(push_worker(tmp_path, redis_url, _SOURCES))
        stack.enter_context(running_ingest(queues.results, database, consumer=consumer))
        yield stack.enter_context(database.connection())


def _values(connection: Connection, count: int) -> dict[tuple[str, str], float]:
    until(lambda: len(points(connection)) + dead_letters.count_waiting(connection) >= count, 40, f"{count} points")
    assert [letter.reason for letter in dead_letters.listing(connection)] == []
    return {(resource, metric): value for (resource, metric, _), value in points(connection).items()}


def test_a_python_program_with_celery_alone_pushes(stored: Connection, redis_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", str(_EXAMPLES / "push_python" / "push.py")],
        env={**os.environ, "BROKER_URL": redis_url, "SOURCE": "training"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert _values(stored, 2) == {("gpu-node-3/0", "gpu_utilization"): 85.5, ("training", "training_loss"): 0.245}
    until(lambda: list(costs(stored).values()) == ["12.40"], what="the costs are stored")


def test_a_node_program_with_celery_node_pushes(stored: Connection, redis_url: str) -> None:
    example = _EXAMPLES / "push_node"
    done = run_node(example / "push.js", node_modules(example / "package.json"), BROKER_URL=redis_url)
    assert done.returncode == 0, done.stderr
    assert _values(stored, 2) == {("checkout-1", "orders"): 42.0, ("checkout-1", "latency"): 0.125}


def test_the_examples_hold_no_code_of_ours() -> None:
    ours = ("telemetry", "agents", "storage", "tasks", "workers")
    text = (_EXAMPLES / "push_python" / "push.py").read_text(encoding="utf-8")
    assert not any(f"import {name}" in text or f"from {name}" in text for name in ours)
