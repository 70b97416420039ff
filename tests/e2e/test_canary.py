"""A secret in every credential field: it is in no table, Redis key, log, page, command line or output."""

import base64
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import psycopg
import pytest
import redis
import zstandard
from psycopg import sql
from pydantic import SecretStr

from emulators.aws import LocalAws
from tasks.results import open_carrier
from telemetry.codec import encode
from telemetry.target import Window
from tests.support.messages import make_batch
from tests.support.pipeline import REGIONS, Pipeline, running_pipeline, small_aws
from tests.support.searching import Search
from tests.support.servers import short_directory
from tests.support.trees import entries
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("pipeline")]

CANARY = "canary7Vw2"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": f"AKIA{CANARY}",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret-access-key",
    "SECTION_TOKEN": f"{CANARY}-session-token",
    "OTHER_KEY_ID": f"AKIB{CANARY}",
    "OTHER_SECRET": f"{CANARY}-other-secret",
    "OTHER_TOKEN": f"{CANARY}-other-token",
    "EXTERNAL_ID": f"{CANARY}-external-id",
    "OPENFINOPS_API_KEY": f"{CANARY}-api-key",
}
SECTION = {
    "session_token": "${SECTION_TOKEN}",
    "backfill": "30m",
    "accounts": [
        {"name": "plain"},
        {
            "name": "keys",
            "access_key_id": "${OTHER_KEY_ID}",
            "secret_access_key": "${OTHER_SECRET}",
            "session_token": "${OTHER_TOKEN}",
        },
        {
            "name": "role",
            "role_arn": "arn:aws:iam::123456789012:role/finfleet",
            "external_id": "${EXTERNAL_ID}",
        },
    ],
}
BY_DESIGN = {
    "state/flower.password",
    "state/pgpass",
    "state/postgres/finfleet.password",
    "state/postgres/postgres.password",
    "state/valkey/password",
    "state/valkey/valkey.conf",
}
"""The files that hold a password, all 0600. Beside them only the environments of the processes hold any, and, where
somebody writes one down there, the configuration: here in azure.client_secret, which no program needs."""
CONFIGURATION = "telemetry.yaml"
SAID = {
    "collect.aws": ("Rate exceeded", "is not authorized to perform", "are expired"),
    "forward": ("the circuit is open",),
    "ingest": ("is away (ConnectionError",),
    "*": ("Connection to broker lost", "Connected to redis://********@", "connection to server at"),
}
"""Each fault was met, and logged: by log."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalAws]:
    with small_aws(hours_back=3) as (aws, _):
        yield aws


@pytest.fixture(scope="module")
def pipeline(cloud: LocalAws) -> Iterator[Pipeline]:
    """A fleet that has collected with all its credentials, and has met everything that could make it say too much."""
    key = {"api_key": "${OPENFINOPS_API_KEY}"}
    disabled = {"enabled": False, "client_secret": f"{CANARY}-azure-secret"}
    # What Celery and the SDKs say is searched as well.
    variables = {**VARIABLES, "FINFLEET_LOG_LEVEL_SDK": "INFO"}
    with (
        short_directory() as directory,
        running_pipeline(
            directory, cloud, flower=True, variables=variables, aws=SECTION, openfinops=key, azure=disabled
        ) as running,
    ):
        until(lambda: _complete(running) == {"plain", "keys", "role"}, 60, "windows of all accounts are complete")
        running.until_settled()
        _meet_faults(running, cloud)
        yield running


def _complete(pipeline: Pipeline) -> set[str]:
    rows = pipeline.query(
        "SELECT DISTINCT account FROM finfleet.targets JOIN finfleet.collections USING (target_id) "
        "WHERE provider = 'aws' AND state = 'complete'"
    )
    return {row["account"] for row in rows}


def _meet_faults(pipeline: Pipeline, cloud: LocalAws) -> None:
    with closing(open_carrier(SecretStr(pipeline.redis_url))) as carrier, closing(carrier.publisher()) as publisher:
        publisher.publish(b"not a message", message_id="1")
        publisher.publish(encode(make_batch()), message_id="2")  # of a target that nobody planned
    until(lambda: len(pipeline.query("SELECT * FROM finfleet.dead_letters")) == 2, 30, "two dead letters")
    pipeline.openfinops.stop()
    cloud.inject("expired_token", service="ec2", region=REGIONS[0], after=6)  # known by then: all keys
    cloud.inject("deny", service="ec2", region=REGIONS[1], after=8)
    cloud.inject("throttle", service="cloudwatch", rate=0.9, count=40)
    tables = pipeline.tables()
    first = min(start for _, start in tables.windows)
    pipeline.backfill(Window(first - (max(end for end, _ in tables.windows.values()) - first), first))
    before = pipeline.up.pids
    until(lambda: _missing(pipeline, "collect.aws") == [], 60, "AWS has refused in each way")
    until(lambda: _missing(pipeline, "forward") == [], 60, "OpenFinOps was missed")
    _kill_servers(pipeline, before)
    pipeline.openfinops.start()
    until(lambda: _forwarded(pipeline), 60, "what has waited is forwarded")


def _kill_servers(pipeline: Pipeline, before: Mapping[str, int]) -> None:
    """Kill them until somebody has asked Postgres for a connection while it was away: it is back within a second."""
    servers = ("postgres", "valkey")
    for _ in range(8):
        for name in servers:
            os.kill(before[name], signal.SIGKILL)
        former = before
        until(lambda: all(pipeline.up.pids.get(n, former[n]) != former[n] for n in servers), 40)  # noqa: B023 - at once
        before = pipeline.up.pids
        if not _missing(pipeline, "*"):
            return


def _forwarded(pipeline: Pipeline) -> bool:
    try:
        return not pipeline.unsent()
    except psycopg.OperationalError:
        return False  # Postgres is not back yet


def _missing(pipeline: Pipeline, log: str) -> list[str]:
    files = (pipeline.up.state / "logs").glob(f"{log}.log")
    text = "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
    return [words for words in SAID[log] if words not in text]


@pytest.fixture(scope="module")
def search(pipeline: Pipeline) -> Search:
    """For the canary, and for the passwords that the fleet has made for itself."""
    files = {name: (pipeline.up.state.parent / name).read_text(encoding="utf-8") for name in sorted(BY_DESIGN)}
    generated = [text.strip() for name, text in files.items() if name.endswith("password")]
    assert len(set(generated)) == 4
    assert all(len(password) >= 32 for password in generated)
    assert generated[1] in pipeline.database_url
    assert generated[3] in pipeline.redis_url
    return Search([CANARY, *generated])


@pytest.mark.parametrize("before", [b"", b"1", b"22"])
def test_the_search_itself_finds_a_text_in_any_form(before: bytes) -> None:
    search, content = Search([CANARY]), before + VARIABLES["EXTERNAL_ID"].encode() + b" and more"
    letters = base64.b64encode(Random(1).randbytes(2000))  # whose letters are worth a code of their own
    packed = zstandard.compress(letters + content)
    assert CANARY.encode() not in packed
    for form in (content, base64.b64encode(content), content.hex().encode(), packed, b"FF\1" + packed + b"more"):
        assert search.found(b"[" + form + b"]") == {CANARY}
    assert search.found(b"(\xb5/\xfd canary") == set()


def test_the_secrets_were_used_and_the_faults_were_met(pipeline: Pipeline, cloud: LocalAws) -> None:
    # Else the rest would prove nothing.
    assert _complete(pipeline) == {"plain", "keys", "role"}
    assert cloud.calls()["sts.AssumeRole"] > 0
    for outcome in ("throttle", "deny", "expired_token"):
        assert cloud.calls(outcome=outcome), outcome
    assert {name: _missing(pipeline, name) for name in SAID} == {name: [] for name in SAID}
    assert {row["reason_code"] for row in pipeline.query("SELECT reason_code FROM finfleet.dead_letters")} == {
        "malformed",
        "unplanned",
    }
    assert pipeline.received() == pipeline.stored()


def test_no_table_holds_one(pipeline: Pipeline, search: Search) -> None:
    # The body of a dead letter is compressed.
    markers, seen = Search(["us-east-1", "arn:aws:ec2:us-east-1:123456789012:instance/i-"]), set[str]()
    with psycopg.connect(pipeline.database_url) as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm') AND has_table_privilege(c.oid, 'SELECT')"
        ).fetchall()
        assert {("finfleet", "outbox"), ("reporting", "gaps"), ("pg_catalog", "pg_stat_activity")} <= set(tables)
        for place in tables:
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*place))):
                content = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
                assert not search.found(content), f"table {place} holds a secret"
                seen |= markers.found(content) if place[0] == "finfleet" else set()
    assert len(seen) == 2


def test_no_key_of_redis_holds_one(pipeline: Pipeline, search: Search) -> None:
    with redis.Redis.from_url(pipeline.redis_url, protocol=2) as client:
        contents = {key: key + b"\n" + _value(client, key) for key in client.scan_iter(count=1000)}
    assert any(Search(["us-east-1"]).found(content) for content in contents.values())
    assert [key for key, content in contents.items() if search.found(content)] == []


def _value(client: "redis.Redis", key: bytes) -> bytes:
    reads: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: client.get(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"hash": lambda: client.hgetall(key),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"stream": lambda: client.xrange(key),
        b"none": lambda: b"",  # gone meanwhile
    }
    kind: Any = client.type(key)
    return _joined(reads[kind]())


def _joined(value: Any) -> bytes:
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple | set):
        return b"\n".join(_joined(item) for item in value)
    return value if isinstance(value, bytes) else str(value).encode()


def test_no_file_holds_one_but_those_that_have_to(pipeline: Pipeline, search: Search) -> None:
    top = pipeline.up.state.parent
    # Which of the accounts met a fault, and so is in the log, is left to chance.
    markers = Search([f"aws/{account}/us-" for account in ("plain", "keys", "role")])
    holding, seen = set[str](), set[str]()
    for path, status in entries(top).items():
        if not stat.S_ISREG(status.st_mode):
            continue
        name = str(path.relative_to(top))
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # a server has removed it meanwhile
        holding |= {name} if search.found(content) else set()
        seen |= {name} if markers.found(content) else set()
    assert holding == BY_DESIGN | {CONFIGURATION}
    for name in BY_DESIGN:
        assert stat.S_IMODE((top / name).stat().st_mode) == 0o600, name
    # Logs, what Redis has ever written (tasks in base64, results in zstd), OpenFinOps's database: all of it was read.
    for part in ("state/logs/collect.aws.log", "state/valkey/data/", "openfinops/telemetry.db"):
        assert any(name.startswith(part) for name in seen), part


def test_no_page_of_flower_holds_one(pipeline: Pipeline, search: Search) -> None:
    url = pipeline.up.report["flower"]["url"]
    auth = ("finfleet", pipeline.flower_password)
    with httpx.Client(base_url=url, auth=auth, trust_env=False, timeout=30) as client:

        def workers() -> list[str]:
            return list(client.get("/api/workers?refresh=1").raise_for_status().json())

        until(lambda: len(workers()) == 3, 30, "Flower knows the workers")
        tasks = list(client.get("/api/tasks?limit=500").json())
        pages = ["/", "/workers", "/tasks", "/broker", *(f"/worker/{name}" for name in workers())]
        pages += [
            "/api/workers?refresh=1",
            "/api/tasks?limit=1000",
            "/api/task/types",
            "/api/queues/length",
            "/metrics",
        ]
        pages += [f"/{kind}/{task}" for task in tasks[:20] for kind in ("task", "api/task/info")]
        contents = {page: client.get(page).raise_for_status().content for page in pages}
    assert b"collect.aws" in contents["/api/workers?refresh=1"]
    assert b"aws/plain/us-" in contents["/api/tasks?limit=1000"]
    assert [page for page, content in contents.items() if search.found(content)] == []


def test_no_command_line_of_a_process_holds_one(pipeline: Pipeline, search: Search) -> None:
    lines = []
    for process in psutil.process_iter():
        try:
            lines.append("\n".join(process.cmdline()))
        except psutil.Error:
            continue  # gone meanwhile
    assert any("workers.cli\nworker\naws" in line for line in lines)
    assert [line for line in lines if search.found(line.encode())] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "--json"], "are expired"),
        (["status"], "are expired"),
        (["plan", "--json"], "aws/keys/us-east-1/ec2"),
        (["plan", "--all"], "aws/keys/us-east-1/ec2"),
        (["dlq", "list"], "unplanned"),
        (["dlq", "show", "1"], "dead letter"),
        (["dlq", "show", "2", "--json"], '"reason"'),
        (["outbox", "status"], "openfinops"),
        (["-v", "collect", "aws/keys/us-east-1/ec2"], " records in "),
        (["-v", "collect", "aws/role/us-east-1/ec2", "--json"], "outcome"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_no_output_of_a_command_holds_one(
    words: list[str], says: str, pipeline: Pipeline, search: Search, tmp_path: Path
) -> None:
    servers = {"FINFLEET_DATABASE_URL": pipeline.database_url, "FINFLEET_BROKER_URL": pipeline.redis_url}
    said: list[bytes] = []

    def says_it() -> bool:
        done = subprocess.run(
            [sys.executable, "-m", "workers.cli", *words],
            env={**os.environ, **pipeline.environment, **servers},
            capture_output=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        said.append(done.stdout + done.stderr)
        return says in said[-1].decode()

    # What a killed broker took with it comes with the next attempt.
    until(says_it, 60, f"it says {says!r}")
    for one in said:
        assert not search.found(one), one.decode()
        assert b"Traceback" not in one
