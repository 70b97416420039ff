"""A program that is kept running although it always ends, with real processes."""

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from telemetry.redact import remember
from tests.support.waiting import until
from workers.embedded.logs import LOG_BYTES, LOG_FILES
from workers.local.files import StateFiles, tail
from workers.local.supervisor import State, Supervisor
from workers.local.unit import Program, ProgramUnit


def _nothing() -> None:
    """Whoever is told of changes does nothing."""


def _supervisor(
    state: Path, code: str, say: Callable[[str], None], changed: Callable[[], None] = _nothing
) -> Supervisor:
    state.mkdir(mode=0o700)
    files = StateFiles(state)
    files.prepare()
    program = Program(
        "luckless",
        (sys.executable, "-I", "-S", "-c", code),
        {"SIGN": str(files.sign_of_life("luckless").absolute())},
        grace=10,
    )
    return Supervisor(ProgramUnit(program, files, inherit=0), changed=changed, say=say)


_SLEEP = "end = lambda: (print('ended well'), sys.exit()); time.sleep(600)"
_READY = "import os; open(os.environ['SIGN'], 'w').close(); "


def test_a_crash_loop_is_said_once_with_the_log_and_tried_on_ever_more_rarely(tmp_path: Path) -> None:
    remember("canary-in-the-log")
    said: list[str] = []
    code = _READY + "print('no luck with canary-in-the-log', flush=True); raise SystemExit(3)"
    supervisor = _supervisor(tmp_path / "state", code, said.append)
    supervisor.start()
    until(lambda: any("5 times in a row" in line for line in said), 30)
    assert [line for line in said if "runs" not in line][:4] == [
        f"luckless ended (status 3): starts again in {pause} s; its last lines: {supervisor.unit.log}"
        for pause in (0.2, 0.4, 0.8, 1.6)
    ]
    assert said[-1].startswith(
        "luckless ended 5 times in a row (status 3): it is tried again, ever more rarely; the end of"
    )
    assert said[-1].endswith("\n  no luck with ********")
    waiting = supervisor.status
    assert (waiting.state, waiting.pid, waiting.uptime, waiting.restarts) == (State.WAITING, None, None, 4)
    supervisor.ask_to_stop()
    supervisor.join()
    assert supervisor.status.state == State.STOPPED


def test_one_that_is_told_to_stop_ends_in_order(tmp_path: Path) -> None:
    said: list[str] = []
    code = _READY.join(("import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: end()); ", _SLEEP))
    supervisor = _supervisor(tmp_path / "state", code, said.append)
    supervisor.start()
    until(lambda: supervisor.status.state is State.RUNNING)
    supervisor.ask_to_stop()
    supervisor.join()
    assert supervisor.unit.log.read_text() == "ended well\n"
    assert said[-1] == "luckless stopped"


def _lines_of(said: list[str], what: str) -> list[str]:
    return [line for line in said if what in line]


def _has_started(supervisor: Supervisor, times: int) -> bool:
    return supervisor.status.restarts == times


_STAYS = _READY + "import time; time.sleep(600)"


def test_whatever_its_callbacks_raise_it_starts_again_what_ended(tmp_path: Path) -> None:
    said: list[str] = []
    broken = [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("can't start new thread"), MemoryError()]

    def fail() -> None:
        raise broken[0]

    def say(line: str) -> None:
        said.append(line)
        raise broken[0]

    supervisor = _supervisor(tmp_path / "state", _STAYS, say, fail)
    supervisor.start()
    for restarts in range(1, 4):
        until(lambda: supervisor.status.state is State.RUNNING)
        os.kill(supervisor.status.pid or 0, signal.SIGKILL)
        until(functools.partial(_has_started, supervisor, restarts))
        broken.append(broken.pop(0))
    until(lambda: supervisor.status.state is State.RUNNING)
    assert supervisor.alive
    told = _lines_of(said, "telling of the change")
    assert 1 <= len(told) <= 7, "once for as long as it is the same"
    assert any("No space left on device" in line for line in told)
    supervisor.ask_to_stop()
    supervisor.join()
    assert supervisor.status.pid is None


def test_a_process_that_cannot_be_started_is_tried_until_it_can(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = _supervisor(tmp_path / "state", _STAYS, said.append)
    supervisor.start()
    until(lambda: supervisor.status.state is State.RUNNING)
    logs = supervisor.unit.log.parent
    logs.rename(logs.with_name("away"))  # where nothing can be written, by root neither
    os.kill(supervisor.status.pid or 0, signal.SIGKILL)
    until(lambda: bool(_lines_of(said, "No such file or directory")))
    logs.with_name("away").rename(logs)
    until(lambda: supervisor.status.state is State.RUNNING, 20)
    assert supervisor.status.restarts == 1
    supervisor.ask_to_stop()
    supervisor.join()


_CHATTY = (
    _READY
    + """
import sys
for number in range(1000):
    sys.stdout.write(("x" * 999 + "\\n") * 100)
sys.stdout.write("the last line\\n")
sys.stdout.flush()
import time; time.sleep(600)
"""
)


def test_a_program_that_writes_without_end_fills_three_files_and_no_disk(tmp_path: Path) -> None:
    supervisor = _supervisor(tmp_path / "state", _CHATTY, lambda _: None)
    log = supervisor.unit.log
    sizes: list[int] = []

    def written() -> bool:
        with suppress(FileNotFoundError):  # just moved aside
            sizes.append(sum(path.stat().st_size for path in log.parent.iterdir()))
        return log.exists() and tail(log, 1) == "  the last line"

    supervisor.start()
    until(written, 30, "100 MB are written")
    supervisor.ask_to_stop()
    supervisor.join()
    assert LOG_BYTES < max(sizes) <= LOG_FILES * LOG_BYTES
    assert sorted(path.name for path in log.parent.iterdir()) == [f"{log.name}{end}" for end in ("", ".1", ".2")]


def test_a_log_that_cannot_be_written_is_said_once_and_written_when_it_can_be(tmp_path: Path) -> None:
    said: list[str] = []
    code = _READY + "import time\nwhile True: print('alive', flush=True); time.sleep(0.05)"
    supervisor = _supervisor(tmp_path / "state", code, said.append)
    supervisor.start()
    until(lambda: supervisor.status.state is State.RUNNING)
    logs = supervisor.unit.log.parent
    logs.rename(logs.with_name("away"))
    until(lambda: bool(_lines_of(said, "writing its log")))
    assert supervisor.status.state is State.RUNNING
    assert "writing its log" in supervisor.status.troubles[0]
    logs.mkdir(mode=0o700)
    until(lambda: supervisor.unit.log.exists() and not supervisor.status.troubles)
    assert len(_lines_of(said, "writing its log")) == 1
    supervisor.ask_to_stop()
    supervisor.join()


def test_nobody_mistakes_a_loop_for_a_process_that_runs(tmp_path: Path) -> None:
    supervisor = _supervisor(tmp_path / "state", _READY + "raise SystemExit(3)", lambda _: None)
    supervisor.start()
    until(lambda: supervisor.status.looping, 30)
    supervisor.ask_to_stop()
    supervisor.join()
