"""Nothing that we started outlives us, however we end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import tests.support.embedded_run
from tests.support.databases import busy_backend
from tests.support.processes import embedded_run, ended, until_ended, working_in
from tests.support.waiting import until

_ROOT = Path(__file__).parents[2]

_TWO_CHILDREN = """
import os, signal, sys, time
from pathlib import Path
import psutil
from workers.embedded import spawn
log = Path(sys.argv[1])
children = [spawn(["/bin/sleep", "600"], log=log)]
ours = [p for p in psutil.Process().children() if "watcher.py" in " ".join(p.cmdline())]
if "lose" in sys.argv:
    ours[0].kill()
    psutil.wait_procs(ours, timeout=10)
    children.append(spawn(["/bin/sleep", "600"], log=log))
pids = [child.pid for child in children]
if "fork" in sys.argv:
    pids.append(os.fork())
    if pids[-1] == 0:
        time.sleep(600)
print(*pids, flush=True)
if "leave" not in sys.argv:
    sys.stdin.read()
"""


def _run(tmp_path: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _TWO_CHILDREN, str(tmp_path / "log"), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_ROOT,
    )


def test_a_kill_leaves_no_process(short_path: Path) -> None:
    with embedded_run(short_path / "state", "deaf") as (process, report):
        deaf = psutil.Process(report["deaf"])
        assert deaf.children()
        assert len(report["pids"]) > 8  # Postgres has children of its own
        process.kill()
        until_ended(report["pids"])


def test_a_kill_takes_a_backend_along_that_is_deep_in_work(short_path: Path) -> None:
    with (
        embedded_run(short_path / "state") as (process, report),
        busy_backend(report["postgres_url"]) as backend,
    ):
        process.kill()
        until_ended([*report["pids"], backend])


def test_a_process_that_is_stopped_is_ended_too(short_path: Path) -> None:
    with embedded_run(short_path / "state") as (process, report):
        os.kill(report["valkey"], signal.SIGSTOP)
        process.kill()
        until_ended(report["pids"])


@pytest.mark.parametrize("moment", [0.25, 0.4, 0.6, 0.9])
def test_a_kill_at_any_moment_of_the_start_leaves_no_process(short_path: Path, moment: float) -> None:
    process = subprocess.Popen(
        [sys.executable, tests.support.embedded_run.__file__, str(short_path / "state")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=short_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    with process:
        time.sleep(moment)  # not to wait for anything: this is the moment under test
        process.kill()
        process.wait()
        until(lambda: not working_in(short_path), 20)
    with embedded_run(short_path / "state") as (again, _):  # and what is there can be used
        assert again.poll() is None


def test_a_watcher_that_was_killed_is_replaced_at_the_next_start(tmp_path: Path) -> None:
    with _run(tmp_path, "lose") as process:
        assert process.stdout
        first, second = map(int, process.stdout.readline().split())
        assert not ended(first)
        assert not ended(second)
        process.kill()
        until_ended([first, second])


def test_a_fork_of_ours_that_lives_on_changes_nothing(tmp_path: Path) -> None:
    with _run(tmp_path, "fork") as process:
        assert process.stdout
        child, fork = map(int, process.stdout.readline().split())
        process.kill()
        try:
            until_ended([child])
            assert not ended(fork)
        finally:
            os.kill(fork, signal.SIGKILL)


def test_an_end_without_a_stop_leaves_no_process_either(tmp_path: Path) -> None:
    with _run(tmp_path, "leave") as process:
        assert process.stdout
        child = int(process.stdout.readline())
        assert process.wait(10) == 0
        assert ended(child)  # at once: the end waits for it
