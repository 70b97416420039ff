"""Back-pressure meets who causes it: a queue that is behind holds back its own kind, and nothing else."""

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import redis
import yaml
from pydantic import SecretStr

from tasks.results import BILLS, LETTERS, NAME, open_carrier, pushes_of
from tests.support.pushing import body

_CONFIG = {
    "aws": {"services": ["ec2", "cost"], "collection_interval": "1h", "backfill": "4d"},
    "generic": {"services": ["http_json"], "sources": [{"name": "training", "kind": "push"}]},
    "ledger": {"max_backlog": 5},
}


def _plan(directory: Path, redis_url: str, database_url: str, *names: str) -> tuple[Counter[str], str]:
    """Attempts that lie on the queue of the collectors after these ticks, by service; and what was said."""
    config = directory / "telemetry.yaml"
    config.write_text(yaml.safe_dump(_CONFIG), encoding="utf-8")
    variables = {
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_BROKER_URL": redis_url,
        "FINFLEET_DATABASE_URL": database_url,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.dispatch_run", *names],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    with redis.Redis.from_url(redis_url) as client:
        tasks = [json.loads(item) for item in client.lrange("collect.aws", 0, -1)]
    arguments = [json.loads(base64.b64decode(task["body"]))[0] for task in tasks]
    assert all(len(one) == 4 and one[3] for one in arguments), "each bears a grant"
    return Counter(one[0].rpartition("/")[2] for one in arguments), ran.stderr


def _fill(redis_url: str, name: str, messages: int) -> None:
    with closing(open_carrier(SecretStr(redis_url), name)) as carrier, closing(carrier.publisher()) as publisher:
        for number in range(messages):
            publisher.publish(body(key=str(number)), message_id=str(number))


@pytest.fixture
def servers(tmp_path: Path, redis_url: str, database_url: str) -> tuple[Path, str, str]:
    """What :func:`_plan` asks for first."""
    return tmp_path, redis_url, database_url


@pytest.mark.parametrize(
    ("crowded", "handed_out", "said"),
    [
        ((), {"ec2", "cost"}, ""),
        ((pushes_of("training"), LETTERS), {"ec2", "cost"}, ""),
        ((NAME,), {"cost"}, "6 messages wait on the results queue, more than ledger.max_backlog (5)"),
        ((BILLS,), {"ec2"}, "6 messages wait on the queue of bills, more than ledger.max_backlog (5)"),
        ((NAME, BILLS), set(), "nothing is handed out"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_a_queue_that_is_behind_holds_back_its_own_kind(
    servers: tuple[Path, str, str], crowded: tuple[str, ...], handed_out: set[str], said: str
) -> None:
    for name in crowded:
        _fill(servers[1], name, 6)
    found, log = _plan(*servers, "aws/ec2", "aws/cost", "sweep")
    assert found.keys() == handed_out, log
    assert said in log


def test_a_hundred_thousand_pushes_hold_up_no_planning(servers: tuple[Path, str, str]) -> None:
    with redis.Redis.from_url(servers[1]) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(100_000):
            pipeline.xadd(f"{pushes_of('training')}:stream", {"id": str(number), "body": b"{}"})
            if number % 10_000 == 0:
                pipeline.execute()
        pipeline.execute()
        assert client.xlen(f"{pushes_of('training')}:stream") == 100_000
    found, log = _plan(*servers, "aws/ec2", "aws/cost")
    assert found.keys() == {"ec2", "cost"}, log
