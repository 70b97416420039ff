"""Programs that we start: what they get from us, and how they end."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.support.processes import ended, until_ended
from tests.support.waiting import until
from workers.embedded import spawn, stop

_SLEEP = ["/bin/sleep", "600"]


def _shell(script: str, log: Path, **options: object) -> "subprocess.Popen[bytes]":
    return spawn(["/bin/sh", "-c", script], log=log, **options)  # type: ignore[arg-type]  # the tests' own options


def _output(script: str, log: Path, **options: object) -> str:
    assert _shell(script, log, **options).wait(10) == 0
    return log.read_text()


def test_it_becomes_the_program_itself(tmp_path: Path) -> None:
    process = spawn(_SLEEP, log=tmp_path / "log")
    until(lambda: psutil.Process(process.pid).cmdline() == _SLEEP)
    assert process.args == _SLEEP
    assert os.getsid(process.pid) == process.pid
    assert stop(process, (signal.SIGTERM, 5)) == -signal.SIGTERM


def test_its_log_is_ours_alone_and_is_added_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert _output("echo one; echo two >&2", log) == "one\ntwo\n"
    assert _output("echo three", log) == "one\ntwo\nthree\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        spawn(_SLEEP, log=tmp_path / "log")


def test_it_reads_nothing_and_inherits_no_descriptor(tmp_path: Path) -> None:
    code = """
import os
assert os.path.samestat(os.fstat(0), os.stat(os.devnull))
for number in range(3, 256):
    try:
        os.fstat(number)
    except OSError:
        continue
    print(number)
"""
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        process = spawn([sys.executable, "-I", "-S", "-c", code], log=tmp_path / "log")
        assert process.wait(10) == 0
    assert (tmp_path / "log").read_text() == ""


def test_arguments_environment_and_directory_arrive_as_they_are(tmp_path: Path) -> None:
    words = ["two words", "", "$HOME `id` \"'\\", "*", "-n"]
    code = "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['ONLY'])"
    process = spawn(
        [sys.executable, "-I", "-S", "-c", code, *words],
        log=tmp_path / "log",
        env={"ONLY": "this"},
        cwd=tmp_path,
    )
    assert process.wait(10) == 0
    assert (tmp_path / "log").read_text() == f"{words} {tmp_path.resolve()} this\n"


def test_files_that_it_makes_are_closed(tmp_path: Path) -> None:
    _output("touch made", tmp_path / "log", cwd=tmp_path)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program: no such program"):
        spawn(["no-such-program"], log=tmp_path / "log")


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    process = _shell("trap '' TERM; echo deaf; while :; do sleep 0.05; done", tmp_path / "log")
    until((tmp_path / "log").read_text)
    assert stop(process, (signal.SIGTERM, 0.1)) == -signal.SIGKILL


def test_stop_takes_what_the_program_left_behind(tmp_path: Path) -> None:
    process = _shell("sleep 600 & echo $!; wait", tmp_path / "log")
    until((tmp_path / "log").read_text)
    left = int((tmp_path / "log").read_text())
    process.kill()
    process.wait()
    assert not ended(left)
    assert stop(process) == -signal.SIGKILL
    until_ended([left])


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: started.append(spawn(_SLEEP, log=tmp_path / "log")))
    thread.start()
    thread.join()
    with pytest.raises(subprocess.TimeoutExpired):
        started[0].wait(0.2)
    stop(started[0])


def test_a_launch_is_quick(tmp_path: Path) -> None:
    stop(spawn(_SLEEP, log=tmp_path / "log"))  # the first one starts the watcher
    begin = time.monotonic()
    children = [spawn(_SLEEP, log=tmp_path / "log") for _ in range(10)]
    assert (time.monotonic() - begin) / 10 < 0.1
    for child in children:
        stop(child)
