"""The embedded Valkey: what it makes, what it survives, what it refuses."""

import socket
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.processes import until_ended, working_in
from tests.support.trees import entries
from workers.embedded import EmbeddedServerError, EmbeddedValkey, ServerStartError, ports


def _client(valkey: EmbeddedValkey) -> redis.Redis:
    return redis.Redis.from_url(valkey.url.get_secret_value(), decode_responses=True)


def _port(valkey: EmbeddedValkey) -> int:
    return int(valkey.url.get_secret_value().rsplit(":", 1)[1].split("/")[0])


def test_it_keeps_everything_and_evicts_nothing(valkey: EmbeddedValkey) -> None:
    assert valkey.url.get_secret_value().startswith("redis://:")
    assert str(valkey.url) == "**********"
    expected = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "protected-mode": "yes",
        "bind": "127.0.0.1",
        "save": "",
    }
    with _client(valkey) as client:
        assert {name: client.config_get(name)[name] for name in expected} == expected
    listening = [c.laddr.ip for c in psutil.Process(valkey.process.pid).net_connections() if c.status == "LISTEN"]
    assert listening == ["127.0.0.1"]


def test_it_asks_for_the_password(valkey: EmbeddedValkey) -> None:
    for password in (None, "wrong"):
        stranger = redis.Redis(port=_port(valkey), password=password, retry=Retry(NoBackoff(), 0))
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_a_kill_loses_nothing_that_was_answered(valkey: EmbeddedValkey) -> None:
    address = valkey.url
    with _client(valkey) as client:
        client.xadd("results", {"batch": "1"})
    valkey.process.kill()
    valkey.process.wait()

    valkey.start()

    assert valkey.url == address
    with _client(valkey) as client:
        assert [fields for _, fields in client.xrange("results")] == [{"batch": "1"}]


def test_a_restart_keeps_the_data_and_the_address(short_path: Path) -> None:
    with EmbeddedValkey(short_path / "state") as first, _client(first) as client:
        client.set("kept", "42")
        address = first.url
    with EmbeddedValkey(short_path / "state") as again, _client(again) as client:
        assert again.url == address
        assert client.get("kept") == "42"


def test_another_port_where_the_last_one_is_taken(short_path: Path) -> None:
    with EmbeddedValkey(short_path / "state") as valkey:
        port = _port(valkey)
    with socket.create_server(("127.0.0.1", port)), valkey, _client(valkey) as client:
        assert _port(valkey) != port
        assert client.ping()


def test_whoever_took_the_port_is_not_told_the_password(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        stolen = thief.getsockname()[1]
        choices = iter([stolen, ports.free_port()])
        monkeypatch.setattr(ports, "free_port", lambda: next(choices))
        with EmbeddedValkey(short_path / "state") as valkey, _client(valkey) as client:
            assert client.ping()
            assert _port(valkey) != stolen
        thief.setblocking(False)
        with pytest.raises(BlockingIOError):
            thief.accept()


def test_passwords_show_in_no_process_list_and_no_log(valkey: EmbeddedValkey) -> None:
    secret = valkey.url.get_secret_value().removeprefix("redis://:").split("@")[0]
    with _client(valkey) as client:
        client.ping()
    process = psutil.Process(valkey.process.pid)
    seen = " ".join([*process.cmdline(), *process.environ().values(), valkey.log.read_text(), repr(valkey)])
    assert len(secret) == 48
    assert "127.0.0.1" in seen
    assert secret not in seen


def test_files_are_closed_to_others(short_path: Path) -> None:
    state = short_path / "state"
    with EmbeddedValkey(state) as valkey, _client(valkey) as client:
        client.set("kept", "42")
        client.bgrewriteaof()
        found = entries(state)
        assert [path.name for path in found if path.name.endswith(".aof")]
        assert not {path: oct(status.st_mode) for path, status in found.items() if status.st_mode & 0o77}


def test_a_path_with_spaces_and_quotes(short_path: Path) -> None:
    with EmbeddedValkey(short_path / 'the "state" of\\things') as valkey, _client(valkey) as client:
        assert client.ping()


def test_a_start_that_fails_shows_the_log(short_path: Path) -> None:
    with pytest.raises(ServerStartError, match=r"(?s)Valkey ended while it started .*server\.log.*appendfsync"):
        EmbeddedValkey(short_path / "state", {"appendfsync": "sometimes"}).start()
    assert not working_in(short_path)


def test_stop_ends_it(short_path: Path) -> None:
    valkey = EmbeddedValkey(short_path / "state")
    valkey.start()
    pid = valkey.process.pid
    valkey.stop()
    until_ended([pid])
    valkey.stop()
    with pytest.raises(EmbeddedServerError, match="not started"):
        _ = valkey.process
