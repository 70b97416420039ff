"""The embedded Postgres: what it makes, what it survives, what it refuses."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.databases import busy_backend
from tests.support.processes import ended, until_ended, working_in
from tests.support.servers import short_directory
from tests.support.trees import entries
from tests.support.waiting import until
from workers.embedded import (
    DataVersionError,
    EmbeddedPostgres,
    EmbeddedServerError,
    ServerStartError,
    leftovers,
    ports,
    spawn,
    stop,
)
from workers.embedded.user import unprivileged_account

_FAST = {"fsync": "off"}


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedPostgres]:
    """One server for all tests that only look at it, with the settings that users get."""
    with short_directory() as directory, EmbeddedPostgres(directory / "state") as postgres:
        yield postgres


def _connect(postgres: EmbeddedPostgres) -> psycopg.Connection:
    return psycopg.connect(postgres.url.get_secret_value(), autocommit=True)


def _value(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _backends(postgres: EmbeddedPostgres) -> list[psutil.Process]:
    return psutil.Process(postgres.process.pid).children(recursive=True)


def test_it_is_a_private_utf8_server_with_our_role_and_database(running: EmbeddedPostgres) -> None:
    assert running.url.get_secret_value().startswith("postgresql://finfleet:")
    assert str(running.url) == "**********"
    facts = {
        "server_encoding": "UTF8",
        "timezone": "UTC",
        "listen_addresses": "127.0.0.1",
        "password_encryption": "scram-sha-256",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_wal_size": "2GB",
    }
    with _connect(running) as connection:
        assert {name: _value(connection, f"SHOW {name}") for name in facts} == facts
        assert _value(connection, "SELECT current_user || '/' || current_database()") == "finfleet/finfleet"
        assert _value(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = 'finfleet'") is False


def test_every_way_in_asks_for_the_password(running: EmbeddedPostgres) -> None:
    port = running.url.get_secret_value().rsplit(":", 1)[1].split("/")[0]
    for user in ("finfleet", "postgres"):
        for host in ("127.0.0.1", str(running.log.parent / "cluster")):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(host=host, port=port, user=user, password="wrong", dbname="postgres")


def test_a_restart_keeps_the_data_and_the_address(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "state", _FAST)
    with postgres, _connect(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = postgres.url
    with EmbeddedPostgres(short_path / "state", _FAST) as again, _connect(again) as connection:
        assert again.url == first
        assert _value(connection, "SELECT answer FROM kept") == 42


def test_another_port_where_the_last_one_is_taken(short_path: Path) -> None:
    with EmbeddedPostgres(short_path / "state", _FAST) as postgres:
        port = int(postgres.url.get_secret_value().rsplit(":", 1)[1].split("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        postgres.start()
        with postgres, _connect(postgres) as connection:
            assert _value(connection, "SHOW port") != str(port)


def test_a_port_that_is_taken_between_the_choice_and_the_start(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        stolen = thief.getsockname()[1]
        choices = iter([stolen, ports.free_port()])
        monkeypatch.setattr(ports, "free_port", lambda: next(choices))
        with EmbeddedPostgres(short_path / "state", _FAST) as postgres, _connect(postgres) as connection:
            assert _value(connection, "SHOW port") != str(stolen)


def test_it_starts_again_after_a_kill_with_a_backend_still_at_work(short_path: Path) -> None:
    with EmbeddedPostgres(short_path / "state", _FAST) as postgres:
        with _connect(postgres) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with busy_backend(postgres.url.get_secret_value()) as backend:
            postgres.process.kill()
            postgres.process.wait()
            assert not ended(backend)

            postgres.start()

            assert ended(backend)
        with _connect(postgres) as connection:
            assert _value(connection, "SELECT answer FROM kept") == 42


def test_a_pid_file_whose_number_is_another_process_by_now(short_path: Path) -> None:
    with EmbeddedPostgres(short_path / "state", _FAST) as postgres:
        postgres.process.kill()
        postgres.process.wait()
        until(lambda: not working_in(short_path), what="its backends end")
        # One of the server's own user: another user's would not mislead it.
        other = spawn(["/bin/sleep", "600"], log=short_path / "log", account=unprivileged_account())
        pid_file = short_path / "state" / "postgres" / "cluster" / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")

        postgres.start()

        assert other.poll() is None
        stop(other)
        with _connect(postgres) as connection:
            assert _value(connection, "SELECT 1") == 1


def test_a_server_that_somebody_else_started_is_left_alone(running: EmbeddedPostgres) -> None:
    data = running.log.parent / "cluster" / "data"
    with pytest.raises(EmbeddedServerError, match=f"process {running.process.pid}, runs on {data}: stop it"):
        leftovers.clear(data)
    with _connect(running) as connection:
        assert _value(connection, "SELECT 1") == 1


def test_an_initdb_that_was_cut_short_is_done_again(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "state", _FAST)
    with postgres:
        pass
    cluster = short_path / "state" / "postgres" / "cluster"
    (cluster / "data").rename(cluster / "data.new")
    (cluster / "data.new" / "PG_VERSION").unlink()
    with postgres, _connect(postgres) as connection:
        assert _value(connection, "SELECT 1") == 1
        assert not (cluster / "data.new").exists()


def test_data_of_another_major_version_are_refused_in_words(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "state", _FAST)
    with postgres:
        pass
    data = short_path / "state" / "postgres" / "cluster" / "data"
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(DataVersionError, match=rf"{data} was made by Postgres 12.* Postgres \d\d\.\d.*pg_dumpall"):
        postgres.start()
    (data / "PG_VERSION").unlink()
    with pytest.raises(DataVersionError, match="made by Postgres unknown"):
        postgres.start()


def test_a_lost_password_file_is_named(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "state", _FAST)
    with postgres:
        pass
    (short_path / "state" / "postgres" / "postgres.password").unlink()
    with pytest.raises(EmbeddedServerError, match=r"postgres\.password.* is missing: bring it back"):
        postgres.start()


def test_a_lost_password_of_the_role_is_set_anew(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "state", _FAST)
    with postgres:
        pass
    (short_path / "state" / "postgres" / "finfleet.password").unlink()
    with postgres, _connect(postgres) as connection:
        assert _value(connection, "SELECT 1") == 1


def test_a_start_that_fails_shows_the_log_and_leaves_nothing_running(short_path: Path) -> None:
    state = short_path / "state"
    with pytest.raises(ServerStartError, match=r"(?s)ended while it started \(status 1\).*server\.log.*shared_buffers"):
        EmbeddedPostgres(state, {**_FAST, "shared_buffers": "plenty"}).start()
    assert not working_in(short_path)
    with EmbeddedPostgres(state, _FAST) as postgres:  # the directory is free again
        assert postgres.process.poll() is None


def test_a_server_that_never_answers_is_given_up(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedPostgres, "start_within", 0.5)
    monkeypatch.setattr(EmbeddedPostgres, "_answers", lambda *_: False)
    with pytest.raises(ServerStartError, match=r"did not answer within 0\.5 s"):
        EmbeddedPostgres(short_path / "state", _FAST).start()
    assert not working_in(short_path)


def test_a_long_path_means_no_unix_socket(short_path: Path) -> None:
    state = short_path / ("long-" * 20) / "state"
    with EmbeddedPostgres(state, _FAST) as postgres, _connect(postgres) as connection:
        assert _value(connection, "SELECT 1") == 1
        assert not list(state.rglob(".s.PGSQL*"))


def test_files_and_sockets_are_closed_to_others(running: EmbeddedPostgres) -> None:
    state = running.log.parents[1]
    found = entries(state)
    assert any(stat.S_ISSOCK(status.st_mode) for status in found.values())
    opened = {path: oct(status.st_mode) for path, status in found.items() if status.st_mode & 0o77}
    # Root's server runs as nobody, whose group may pass two directories that it cannot list.
    assert set(opened) == ({state, state / "postgres"} if os.geteuid() == 0 else set())
    assert set(opened.values()) <= {oct(stat.S_IFDIR | 0o710)}


def test_passwords_show_in_no_process_list_and_no_log(running: EmbeddedPostgres) -> None:
    secrets = [path.read_text() for path in running.log.parent.glob("*.password")]
    assert len(secrets) == 2
    with _connect(running):
        processes = [psutil.Process(running.process.pid), *_backends(running)]
        seen = " ".join(word for process in processes for word in [*process.cmdline(), *process.environ().values()])
    seen += running.log.read_text() + repr(running.url) + repr(running)
    assert "finfleet" in seen
    assert not [secret for secret in secrets if secret in seen]


def test_our_variables_do_not_reach_the_server(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    state = short_path / "state"
    with EmbeddedPostgres(state, _FAST) as postgres:
        password = (state / "postgres" / "postgres.password").read_text()
        superuser = f"postgres://postgres:{password}@{postgres.url.get_secret_value().split('@')[1]}"
        with psycopg.connect(superuser) as connection:
            connection.execute("CREATE TEMPORARY TABLE variables (line text)")
            connection.execute("COPY variables FROM PROGRAM 'env'")
            seen = [str(line) for (line,) in connection.execute("SELECT line FROM variables")]
    assert "TZ=UTC" in seen
    assert not [line for line in seen if "canary" in line]


def test_stop_takes_clients_along(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "state", _FAST)
    postgres.start()
    pids = [postgres.process.pid, *(process.pid for process in _backends(postgres))]
    with _connect(postgres):
        postgres.stop()
    until_ended(pids)
    postgres.stop()  # again: nothing happens
    with pytest.raises(EmbeddedServerError, match="not started"):
        _ = postgres.process


def test_an_address_before_the_first_start_is_an_error(short_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"no Postgres in .* yet: start it first"):
        _ = EmbeddedPostgres(short_path / "state").url


def test_starting_what_runs_changes_nothing(running: EmbeddedPostgres) -> None:
    pid = running.process.pid
    running.start()
    assert running.process.pid == pid


def test_it_does_not_hear_what_the_terminal_tells_us(running: EmbeddedPostgres) -> None:
    assert os.getsid(running.process.pid) == running.process.pid != os.getsid(0)
