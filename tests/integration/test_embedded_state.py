"""The state directory: one run at a time, closed to others; and the errors of the embedded servers."""

import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.processes import embedded_run, until_ended
from workers.embedded import (
    DataVersionError,
    EmbeddedPostgres,
    EmbeddedServerError,
    EmbeddedValkey,
    ProgramNotFoundError,
    ServerStartError,
    StateInUseError,
    StateLock,
)
from workers.embedded.state import private_directory, write_private

_HEIR = """
import subprocess, sys
from pathlib import Path
from workers.embedded import StateLock
lock = StateLock(Path(sys.argv[1]))
lock.acquire()
heir = subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=[lock.fileno()])
print(heir.pid, flush=True)
input()
"""


@pytest.mark.parametrize("kind", [StateLock, EmbeddedPostgres, EmbeddedValkey])
def test_a_second_start_says_who_runs_it(
    short_path: Path, kind: Callable[[Path], AbstractContextManager[object]]
) -> None:
    with embedded_run(short_path / "state") as (process, _):
        with pytest.raises(
            StateInUseError, match=rf"{short_path}/state.* is in use by process {process.pid}:"
        ) as error:
            kind(short_path / "state").__enter__()
        assert error.value.pid == process.pid


def test_the_lock_is_free_when_its_holder_is_done_or_killed(short_path: Path) -> None:
    with StateLock(short_path / "state"):
        pass
    with embedded_run(short_path / "state") as (process, report):
        process.kill()
        process.wait()
        with StateLock(short_path / "state"):  # at once
            assert (short_path / "state" / "lock").read_text().split()[0] == str(os.getpid())
        until_ended(report["pids"])


def test_the_servers_of_a_run_that_was_killed_start_again_on_their_data(short_path: Path) -> None:
    with embedded_run(short_path / "state") as (process, report):
        process.kill()
        process.wait()
        state = short_path / "state"
        # Without a pause: they wait for the processes of the run before.
        with StateLock(state), EmbeddedPostgres(state) as postgres, EmbeddedValkey(state) as valkey:
            assert postgres.url.get_secret_value().split("@")[0] == report["postgres_url"].split("@")[0]
            assert valkey.url.get_secret_value().split("@")[0] == report["valkey_url"].split("@")[0]


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_a_server_holds_its_directory_itself(short_path: Path, kind: type[EmbeddedPostgres | EmbeddedValkey]) -> None:
    with kind(short_path / "state") as server:
        server._lock.release()  # as when we had died, and it had not yet
        with pytest.raises(StateInUseError, match="in use by process"):
            kind(short_path / "state").start()
    with kind(short_path / "state"):
        pass


def test_the_lock_is_held_as_long_as_an_heir_lives(short_path: Path) -> None:
    state = short_path / "state"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HEIR, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout
        heir = int(holder.stdout.readline())
        holder.kill()
        holder.wait()
        with pytest.raises(StateInUseError, match=f"still held by children of process {holder.pid}, which itself is"):
            StateLock(state, patience=0.2).acquire()
        os.kill(heir, signal.SIGKILL)
        with StateLock(state, patience=10):
            pass


def test_a_number_that_another_process_bears_by_now_is_no_holder(short_path: Path) -> None:
    lock = StateLock(short_path / "state")
    with lock:
        write_start = f"{os.getppid()} 1.0\n"
        (short_path / "state" / "lock").write_text(write_start)
        with pytest.raises(StateInUseError, match="which itself is gone"):
            StateLock(short_path / "state", patience=0.1).acquire()


def test_the_directory_is_made_closed_whatever_the_umask(short_path: Path) -> None:
    before = os.umask(0)
    try:
        with StateLock(short_path / "a" / "state"):
            assert stat.S_IMODE((short_path / "a" / "state").stat().st_mode) == 0o700
            assert stat.S_IMODE((short_path / "a" / "state" / "lock").stat().st_mode) == 0o600
            write_private(short_path / "a" / "state" / "file", "secret")
            assert stat.S_IMODE((short_path / "a" / "state" / "file").stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_an_open_directory_is_closed_if_it_is_ours(short_path: Path) -> None:
    state = short_path / "state"
    state.mkdir(mode=0o755)
    private_directory(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    (state / "lock").touch()
    state.chmod(0o755)
    private_directory(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_somebody_elses_directory_is_left_as_it_is(short_path: Path) -> None:
    (short_path / "letter.txt").touch()
    short_path.chmod(0o755)
    with pytest.raises(EmbeddedServerError, match=rf"{short_path} is open to other users \(mode 0755\).*chmod 700"):
        StateLock(short_path).acquire()
    assert stat.S_IMODE(short_path.stat().st_mode) == 0o755


def test_a_file_is_no_state_directory(short_path: Path) -> None:
    (short_path / "state").touch()
    with pytest.raises(EmbeddedServerError, match="is not a directory: name another"):
        StateLock(short_path / "state").acquire()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_another_users_directory_is_refused(short_path: Path) -> None:
    (short_path / "state").mkdir()
    os.chown(short_path / "state", 65534, 65534)
    with pytest.raises(EmbeddedServerError, match=r"belongs to nobody \(uid 65534\), and this is root \(uid 0\): run"):
        StateLock(short_path / "state").acquire()


@pytest.mark.parametrize(
    "error",
    [
        EmbeddedServerError("m"),
        ProgramNotFoundError("m"),
        StateInUseError("m", 12),
        DataVersionError("m"),
        ServerStartError("m"),
    ],
)
def test_errors_survive_pickling(error: EmbeddedServerError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert (type(copy), str(copy), vars(copy)) == (type(error), "m", vars(error))
