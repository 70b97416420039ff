"""A secret in every credential field: it is in no table, Redis key, log, page, process list or output."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
import redis
from psycopg import sql
from pydantic import SecretStr

from emulators.aws import LocalAws
from tasks.results import open_carrier
from telemetry.codec import describe
from tests.support.pipeline import Pipeline, running_pipeline, small_aws
from tests.support.servers import short_directory
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("pipeline")]

CANARY = "canary7Vw2"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": f"AKIA{CANARY}",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret-access-key",
    "AWS_SESSION_TOKEN_": f"{CANARY}-session-token",
    "OTHER_KEY_ID": f"AKIB{CANARY}",
    "OTHER_SECRET": f"{CANARY}-other-secret",
    "EXTERNAL_ID": f"{CANARY}-external-id",
    "OPENFINOPS_API_KEY": f"{CANARY}-api-key",
}
_ACCOUNTS = [
    {"name": "plain"},
    {"name": "keys", "access_key_id": "${OTHER_KEY_ID}", "secret_access_key": "${OTHER_SECRET}"},
    {
        "name": "role",
        "regions": ["us-east-1"],
        "role_arn": "arn:aws:iam::123456789012:role/finfleet",
        "external_id": "${EXTERNAL_ID}",
    },
]
BY_DESIGN = {"flower.password", "pgpass", "finfleet.password", "postgres.password", "password", "valkey.conf"}
"""Files of the state directory that hold a password, closed to others. The environments of the processes do too."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalAws]:
    with small_aws() as (aws, _):
        aws.inject("throttle", rate=0.2, seed=3)
        aws.inject("deny", service="cloudwatch", region="us-west-2", count=4)
        yield aws


@pytest.fixture(scope="module")
def pipeline(cloud: LocalAws) -> Iterator[Pipeline]:
    section = {"backfill": "1h", "session_token": "${AWS_SESSION_TOKEN_}", "accounts": _ACCOUNTS}
    key = {"api_key": "${OPENFINOPS_API_KEY}"}
    with (
        short_directory() as directory,
        running_pipeline(directory, cloud, variables=VARIABLES, aws=section, openfinops=key) as running,
    ):
        with closing(open_carrier(SecretStr(running.redis_url))) as carrier, closing(carrier.publisher()) as publisher:
            publisher.publish(b"not a message", message_id="1")
        until(lambda: running.progress().complete > 20, 90, "windows of all accounts are complete")
        until(lambda: running.query("SELECT count(*) FROM finfleet.dead_letters")[0]["count"], 30, "a dead letter")
        yield running


def _secrets(pipeline: Pipeline) -> list[bytes]:
    generated = [
        path.read_text(encoding="utf-8").strip() for path in pipeline.up.state.rglob("*.password") if path.is_file()
    ]
    passwords = [url.split("//")[1].split("@")[0].split(":")[1] for url in (pipeline.database_url, pipeline.redis_url)]
    found = [CANARY, *(word for word in generated if " " not in word), *passwords]
    assert len(found) >= 4
    assert all(len(word) >= 8 for word in found)
    return [form for word in found for form in (word.encode(), base64.b64encode(word.encode()).rstrip(b"="))]


def _assert_clean(pipeline: Pipeline, where: str, content: bytes) -> None:
    for secret in _secrets(pipeline):
        assert secret not in content, f"{where} holds a secret"


def test_the_secrets_were_used(pipeline: Pipeline, cloud: LocalAws) -> None:
    # Else the rest would prove nothing.
    complete = pipeline.query(
        "SELECT account FROM finfleet.targets JOIN finfleet.collections USING (target_id) WHERE state = 'complete'"
    )
    assert {"plain", "keys", "role"} <= {row["account"] for row in complete}
    assert cloud.calls()["sts.AssumeRole"] > 0
    assert cloud.calls(outcome="throttle")
    assert pipeline.received()


def test_no_table_holds_one(pipeline: Pipeline) -> None:
    with psycopg.connect(pipeline.database_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 10
        for schema, name in tables:
            with connection.cursor().copy(
                sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, name))
            ) as copy:
                content = b"".join(bytes(block) for block in copy)
            _assert_clean(pipeline, f"table {schema}.{name}", content)
            # Bodies of messages are compressed: what they hold is looked at unpacked.
        for (body,) in connection.execute("SELECT body FROM finfleet.outbox WHERE body IS NOT NULL"):
            _assert_clean(pipeline, "a message in the outbox", json.dumps(describe(body)).encode())


def test_no_key_of_redis_holds_one(pipeline: Pipeline) -> None:
    with redis.Redis.from_url(pipeline.redis_url, protocol=2) as client:
        keys = list(client.scan_iter(count=1000))
        assert keys
        for key in keys:
            _assert_clean(pipeline, f"Redis key {key!r}", key + (client.dump(key) or b"") + _values(client, key))


def _values(client: redis.Redis, key: bytes) -> bytes:
    """The values as they are: a dump may be compressed."""
    kind = client.type(key)
    reads: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: client.get(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"hash": lambda: client.hgetall(key),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"stream": lambda: client.xrange(key),
    }
    return repr(reads[kind]()).encode() if kind in reads else b""


def test_no_file_of_the_state_directory_holds_one(pipeline: Pipeline) -> None:
    looked_at = 0
    for path in pipeline.up.state.parent.rglob("*"):
        relative = path.relative_to(pipeline.up.state.parent)
        data_of_servers = "cluster" in relative.parts
        if data_of_servers or path.name in BY_DESIGN or path.is_symlink() or not path.is_file():
            continue
        looked_at += 1
        _assert_clean(pipeline, str(relative), path.read_bytes())
    assert looked_at > 10


def test_no_page_of_flower_holds_one(pipeline: Pipeline) -> None:
    flower = pipeline.up.report["flower"]
    password = Path(flower["password_file"]).read_text(encoding="utf-8").strip()
    with httpx.Client(base_url=flower["url"], auth=(flower["user"], password), trust_env=False, timeout=30) as client:
        assert client.get("/", auth=httpx.BasicAuth("finfleet", "wrong")).status_code == 401
        workers = client.get("/api/workers?refresh=1").json()
        tasks = client.get("/api/tasks?limit=500").json()
        pages = ["/", "/workers", "/tasks", "/broker", *(f"/worker/{name}" for name in workers)]
        pages += [f"/task/{name}" for name in list(tasks)[:20]]
        pages += ["/api/workers", "/api/tasks?limit=1000", "/api/task/types", "/metrics"]
        for page in pages:
            _assert_clean(pipeline, f"Flower's {page}", client.get(page).content)


def test_no_command_line_of_a_process_holds_one(pipeline: Pipeline) -> None:
    for pid in [pipeline.up.process.pid, *pipeline.up.family()]:
        _assert_clean(pipeline, f"process {pid}", " ".join(psutil.Process(pid).cmdline()).encode())


def test_no_output_of_a_command_holds_one(pipeline: Pipeline) -> None:
    environment = {
        **os.environ,
        **VARIABLES,
        "FINFLEET_CONFIG": str(pipeline.up.state.parent / "telemetry.yaml"),
        "FINFLEET_DATABASE_URL": pipeline.database_url,
        "FINFLEET_BROKER_URL": pipeline.redis_url,
    }
    letter = pipeline.query("SELECT min(dead_letter_id) AS id FROM finfleet.dead_letters")[0]["id"]
    for words in (
        ["status", "--json"],
        ["status"],
        ["plan", "--json"],
        ["dlq", "list"],
        ["dlq", "show", str(letter)],
        ["outbox", "status"],
        ["-v", "collect", "aws/keys/us-east-1/ec2"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "workers.cli", *words], env=environment, capture_output=True, timeout=60, check=False
        )
        assert done.stdout
        _assert_clean(pipeline, " ".join(words), done.stdout + done.stderr)


def test_openfinops_holds_none(pipeline: Pipeline) -> None:
    _assert_clean(pipeline, "OpenFinOps", (pipeline.openfinops.directory / "telemetry.db").read_bytes())
