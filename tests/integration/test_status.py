"""`finfleet status`, as a program: whatever is wrong is told at the top, soon, and by its exit status."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest
import redis
from pydantic import SecretStr
from rich.cells import cell_len

from storage import processes
from storage.database import Database
from storage.migrate import downgrade
from telemetry.target import Target
from tests.support import writing
from tests.support.brokers import Lending
from tests.support.command_runs import RunsFinfleet, as_text
from tests.support.terminals import on_terminal
from tests.support.waiting import until
from tests.unit.test_presence import SIGN
from workers.embedded import EmbeddedValkey
from workers.local.addresses import broker_address, database_address

_CONFIG = "aws: {regions: [us-east-1], services: [ec2]}\n"
_WAIT = "0.7"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path, database: Database, database_url: str, redis_url: str) -> dict[str, str]:
    """Of a fleet that has planned a target just now."""
    with database.connection() as connection:
        target_id = writing.plan(connection)
        connection.execute("DELETE FROM finfleet.collections")
        connection.execute(
            "UPDATE finfleet.targets SET enabled_since = now(), planned_until = now() WHERE target_id = %s", [target_id]
        )
    (tmp_path / "telemetry.yaml").write_text(_CONFIG, encoding="utf-8")
    return {
        **os.environ,
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": redis_url,
        "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml"),
    }


@pytest.fixture
def status(environment: dict[str, str], tmp_path: Path, finfleet_program: RunsFinfleet) -> Run:
    """Runs it; it says nothing but what it has to say."""

    def run(*words: str, exits: int = 0, **variables: str) -> "subprocess.CompletedProcess[str]":
        done = as_text(finfleet_program(("status", *words), {**environment, **variables}, tmp_path))
        assert done.returncode == exits, done.stdout + done.stderr
        assert exits == 2 or done.stderr == ""
        return done

    return run


@contextmanager
def _silent_server() -> Iterator[str]:
    """A server that lets everybody in, and never says a word; its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "{}:{}".format(*server.getsockname())


@contextmanager
def _black_hole() -> Iterator[str]:
    """An address from which nothing comes back: its queue of connections is full."""
    with socket.socket() as server, ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(8):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield "{}:{}".format(*server.getsockname())


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("hangs", [_silent_server, _black_hole])
@pytest.mark.parametrize("what", ["database", "redis", "amqp"])
def test_a_server_that_hangs_is_told_and_waited_for_no_longer(
    status: Run, hangs: Callable[[], AbstractContextManager[str]], what: str
) -> None:
    with hangs() as where:
        variables = {
            "database": {"FINFLEET_DATABASE_URL": f"postgresql://finfleet:canary-pw@{where}/finfleet"},
            "redis": {"FINFLEET_BROKER_URL": f"redis://:canary-pw@{where}/0"},
            "amqp": {"FINFLEET_BROKER_URL": f"amqp://finfleet:canary-pw@{where}//"},
        }[what]
        begun = time.monotonic()
        done = status("--wait", _WAIT, exits=69 if what == "database" else 1, **variables)
    assert time.monotonic() - begun < 10, "of the 62 s that the drivers' own limits would make"
    kind = "database" if what == "database" else "broker"
    assert re.match(rf"1 problem at .+\n! {kind} \S*{where}\S* does not answer within 0.7 s", done.stdout), done.stdout
    assert "canary" not in done.stdout
    if what == "database":
        assert "how the fleet stands is not known" in done.stdout.splitlines()[0]
        assert "results queue: 0 messages" in done.stdout, "what others say is told"
    else:
        assert "dead letters: 0" in done.stdout


def test_what_is_not_known_is_null_in_json(status: Run) -> None:
    with _silent_server() as where:
        variables = {"FINFLEET_DATABASE_URL": f"postgresql://finfleet@{where}/x"}
        told = json.loads(status("--json", "--wait", _WAIT, exits=69, **variables).stdout)
    assert (told["targets"], told["dead_letters"], told["processes_alive"]) == (None, None, None)
    assert told["results_queue"]["messages"] == 0
    assert [problem["kind"] for problem in told["problems"]] == ["database"]


def test_a_frozen_broker_and_one_without_memory_are_told(status: Run, valkey: EmbeddedValkey) -> None:
    url = valkey.url.get_secret_value()
    with redis.Redis.from_url(url) as client:
        pid = int(client.info("server")["process_id"])
        assert status(FINFLEET_BROKER_URL=url).stdout.startswith("OK ")
        client.config_set("maxmemory", 1)
        done = status(exits=1, FINFLEET_BROKER_URL=url)
        assert "! broker_full: " in done.stdout.splitlines()[1]
        assert "used memory > 'maxmemory'" in done.stdout
        assert client.keys() == []
        client.config_set("maxmemory", 0)
        with _frozen(pid):
            done = status("--wait", _WAIT, exits=1, FINFLEET_BROKER_URL=url)
            assert "does not answer within 0.7 s" in done.stdout.splitlines()[1]


@pytest.mark.amqp
def test_an_amqp_broker_tells_its_queues_and_takes_a_message(status: Run, brokers: Lending) -> None:
    with brokers.lend("amqp") as broker:
        done = status(FINFLEET_BROKER_URL=broker.url)
        assert "task queues: collect.aws 0, plan 0" in done.stdout


def test_a_database_that_takes_nothing_in_is_told(status: Run, database_url: str) -> None:
    name = urlsplit(database_url).path[1:]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    done = status(exits=1)
    assert "! read_only: " in done.stdout.splitlines()[1]


def test_a_database_of_another_release_is_told_and_read_all_the_same(
    status: Run, database_url: str, database: Database
) -> None:
    with database.connection() as connection:
        writing.plan(connection, state="failed")
    downgrade(SecretStr(database_url), "0009")
    done = status(exits=1)
    assert "! schema: the database is at revision 0009" in done.stdout.splitlines()[1]
    assert "! failed: aws/default/us-east-1/ec2: 1 window" in done.stdout
    downgrade(SecretStr(database_url), "base")
    done = status(exits=69)
    assert "! schema: the database has no tables" in done.stdout


def test_servers_of_a_finfleet_up_are_found_without_a_word(
    status: Run, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Of its state directory; nothing that is configured is taken from there."""
    state = tmp_path / ".finfleet"
    (state / "valkey").mkdir(parents=True, mode=0o700)
    database, broker = urlsplit(database_url), urlsplit(redis_url)
    (state / "pgpass").write_text(f"127.0.0.1:{database.port}:*:finfleet:{database.password}\n")
    (state / "valkey" / "password").write_text(broker.password or "")
    report = {
        "pid": os.getpid(),
        "processes": {},
        "database": database_address(SecretStr(database_url)) | {"embedded": True},
        "broker": broker_address(SecretStr(redis_url)) | {"embedded": True},
    }
    (state / "up.json").write_text(json.dumps(report))
    unset = {"FINFLEET_DATABASE_URL": "", "FINFLEET_BROKER_URL": ""}
    done = status(**unset)
    assert done.stdout.splitlines()[1] == "servers of the finfleet up in .finfleet"
    assert "results queue: 0 messages" in done.stdout
    for secret in (database.password, broker.password):
        assert secret
        assert secret not in done.stdout
    assert "servers of" not in status().stdout
    (state / "up.json").write_text("half of")
    with pytest.raises(AssertionError, match=r"database\.url: set it, or the environment variable"):
        status(exits=78, **unset)


def test_a_dead_process_and_one_that_never_ran_are_told_and_living_ones_listed(status: Run, database: Database) -> None:
    with database.connection() as connection:
        roles = ("ingest", "worker plan", "worker aws", "beat", "beat")
        processes.tell(
            connection, [msgspec.structs.replace(SIGN, process_id=uuid.uuid4(), role=role) for role in roles]
        )
        connection.execute("UPDATE finfleet.processes SET first_seen = now() - interval '1 hour'")
        done = status()
        assert "processes that live: beat (2), ingest, worker aws, worker plan" in done.stdout
        connection.execute(
            "UPDATE finfleet.processes SET last_seen = now() - interval '9 min' WHERE role = 'worker aws'"
        )
        connection.execute("DELETE FROM finfleet.processes WHERE role = 'worker plan'")
        done = status(exits=1)
        vanished, missing = done.stdout.splitlines()[1:3]
        assert vanished.startswith("! process_vanished: worker aws on host-1 (process 42): no sign of life for 9 min: ")
        assert missing == "! process_missing: worker plan: nobody runs it: start `finfleet worker plan`"
        told = json.loads(status("--json", exits=1).stdout)
        assert sorted(one["role"] for one in told["processes_alive"]) == ["beat", "beat", "ingest"]
        assert [one["kind"] for one in told["problems"]] == ["process_vanished", "process_missing"]


def test_where_nothing_is_planned_all_is_not_well(status: Run, database: Database) -> None:
    with database.connection() as connection:
        connection.execute("DELETE FROM finfleet.targets")
    assert status(exits=1).stdout.splitlines()[1].startswith("! unplanned: no target: enable a provider")


def test_a_fleet_of_which_nobody_lives_is_told_however_long_ago_it_died(status: Run, database: Database) -> None:
    with database.connection() as connection:
        processes.tell(connection, [SIGN])
        connection.execute("UPDATE finfleet.processes SET last_seen = now() - interval '5 hours'")
    said = status(exits=1).stdout.splitlines()[1]
    assert said == "! process_missing: no process of the fleet lives, the last sign of one came 5 h ago: start it"


def test_targets_are_chosen_by_provider_and_pattern(status: Run, database: Database) -> None:
    with database.connection() as connection:
        writing.plan(connection, state="failed")
        writing.plan(connection, Target("gcp", "web", "global", "vertex_ai"), state="denied")
    both = status(exits=1).stdout
    assert both.startswith("2 problems")
    for words in (("--provider", "gcp"), ("--target", "gcp/*")):
        one = status(*words, "--problems", exits=1).stdout
        assert [line.split(":")[0] for line in one.splitlines()[1:]] == ["! denied"]
        found = json.loads(status(*words, "--json", exits=1).stdout)
        assert [target["target"] for target in found["targets"]] == ["gcp/web/global/vertex_ai"]
        assert len(found["problems"]) == 1


@pytest.mark.parametrize("more", [(), ("--json",), ("--problems",)])
def test_an_option_that_means_no_target_is_no_good_news(
    environment: dict[str, str],
    tmp_path: Path,
    database: Database,
    finfleet_program: RunsFinfleet,
    more: tuple[str, ...],
) -> None:
    with database.connection() as connection:
        writing.plan(connection, Target("aws", "prod", "us-east-1", "ec2"), state="denied")
    words = ("status", "--target", "aws/prdo/*/ec2", "--provider", "gpc", *more)
    done = as_text(finfleet_program(words, environment, tmp_path))
    assert done.returncode == 2, done.stdout
    assert (
        "--provider 'gpc', --target 'aws/prdo/*/ec2' (did you mean 'aws/prod/*/ec2'?): nothing of it is" in done.stderr
    )


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (40, 24), (160, 50)])
def test_on_a_terminal_it_fits(
    environment: dict[str, str], tmp_path: Path, database: Database, columns: int, lines: int
) -> None:
    with database.connection() as connection:
        for number in range(40):
            writing.plan(connection, Target("aws", f"account-{number}", "us-east-1", "ec2"), state="complete")
        connection.execute("UPDATE finfleet.collections SET records = 1")
        connection.execute(
            "UPDATE finfleet.targets SET enabled_since = now(), planned_until = now() + interval '1 day',"
            " interval_seconds = 86400, delay_seconds = 86400"
        )
        writing.plan(connection, Target("gcp", "web", "global", "vertex_ai"), state="denied")
    with on_terminal(("status",), environment, tmp_path, columns=columns, lines=lines) as terminal:
        assert terminal.wait() == 1
        shown = terminal.text.splitlines()
    assert max(map(cell_len, shown)) <= columns
    assert shown[0].startswith(("1 problem", "2 problems"))
    assert shown[1].startswith("! denied: gcp/web/global/vertex_ai:")
    if columns < 160:
        assert len(shown) < lines
        assert any("more targets are on time" in line for line in shown)
    else:
        assert sum(line.startswith("aws/account-") for line in shown) == 40


def test_it_watches_until_it_is_interrupted(environment: dict[str, str], tmp_path: Path) -> None:
    line = [sys.executable, "-W", "error", "-m", "workers.cli", "status", "--watch", "0.5"]
    with subprocess.Popen(
        line, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        said = b""

        def twice() -> bool:
            nonlocal said
            said += process.stdout.read() or b"" if process.stdout else b""
            return said.count(b"OK at ") == 2

        with on_terminal(("status", "--watch", "0.5"), environment, tmp_path) as terminal:
            until(twice, 30)
            until(lambda: terminal.text.count("\x1b[H") > 1, 30)
            process.send_signal(signal.SIGINT)
            terminal.interrupt()
            assert terminal.wait() == 130
        rest, complained = process.communicate(timeout=60)
        assert process.returncode == 130
        assert complained == b""
        assert b"\x1b" not in said + rest, "a pipe gets plain lines"
    assert "Traceback" not in terminal.text


def test_what_is_known_before_the_database_hangs_is_told(status: Run, database: Database) -> None:
    """Of a table that somebody else has locked, as of a server that freezes in the middle."""
    with database.connection() as connection, database.connection() as holder:
        processes.tell(connection, [msgspec.structs.replace(SIGN, trouble="the broker does not answer")])
        with holder.transaction():
            holder.execute("LOCK TABLE finfleet.collections")
            done = status("--wait", _WAIT, exits=69)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2 problems at ")
    assert "does not answer within 0.7 s" in lines[1]
    assert lines[2] == "! process_troubled: worker aws on host-1 (process 42): the broker does not answer"
