"""The broker as docker-compose.yml starts it: with its password by standard input, durable, and never evicting.

And how compose looks at Postgres.
"""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import redis

from tests.support import manifests
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres
from workers.embedded.binaries import find_postgres, find_valkey
from workers.embedded.ports import LOOPBACK, free_port

_PASSWORD = "canary0broker"


def test_the_broker_of_compose(tmp_path: Path) -> None:
    service = manifests.compose()["services"]["redis"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(find_valkey())
    port = free_port()
    shell, option, script = service["command"]
    # As compose does, and in a place of the test's.
    script = script.replace("$$", "$").replace("--dir /data", f"--dir {tmp_path} --bind {LOOPBACK} --port {port}")
    variables = {
        "VALKEY_PASSWORD": _PASSWORD,
        "VALKEY_MEMORY": "64mb",
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([shell, option, script], env={**os.environ, **variables}, stdout=log, stderr=log)
    try:
        with redis.Redis(host=LOOPBACK, port=port, password=_PASSWORD) as client:
            until(lambda: _answers(client), 20, "the broker answers")
            settings = client.config_get("*")
            assert settings["appendonly"] == "yes"
            assert settings["maxmemory-policy"] == "noeviction"
            assert settings["maxmemory"] == str(64 * 2**20)
        with redis.Redis(host=LOOPBACK, port=port) as stranger:
            assert not _answers(stranger)
        assert _PASSWORD not in " ".join(psutil.Process(process.pid).cmdline())
        assert psutil.Process(process.pid).name().startswith("valkey"), "signals reach the server itself"
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_the_look_at_postgres_of_compose(postgres_server: EmbeddedPostgres) -> None:
    program = find_postgres().postgres.with_name("pg_isready")
    kind, name, *options = manifests.compose()["services"]["postgres"]["healthcheck"]["test"]
    assert (kind, name) == ("CMD", "pg_isready")
    server = urlsplit(postgres_server.url.get_secret_value())

    def status(port: int) -> int:
        where = {**os.environ, "PGHOST": str(server.hostname), "PGPORT": str(port)}
        return subprocess.run([program, *options], env=where, capture_output=True, timeout=60, check=False).returncode

    assert status(server.port or 0) == 0
    assert status(free_port()) == 2


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
