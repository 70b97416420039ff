"""A program that is kept running although it always ends, with real processes."""

import sys
from collections.abc import Callable
from pathlib import Path

from telemetry.redact import remember
from tests.support.waiting import until
from workers.local.files import StateFiles
from workers.local.keeper import Keeper, State
from workers.local.unit import Program, ProgramUnit


def _keeper(state: Path, code: str, say: Callable[[str], None]) -> Keeper:
    state.mkdir(mode=0o700)
    files = StateFiles(state)
    files.prepare()
    program = Program(
        "luckless",
        (sys.executable, "-I", "-S", "-c", code),
        {"SIGN": str(files.sign_of_life("luckless").absolute())},
        grace=10,
    )
    return Keeper(ProgramUnit(program, files, heir_of=0), changed=lambda: None, say=say)


_SLEEP = "end = lambda: (print('ended well'), sys.exit()); time.sleep(600)"
_READY = "import os; open(os.environ['SIGN'], 'w').close(); "


def test_a_crash_loop_is_said_once_with_the_log_and_tried_on_ever_more_rarely(tmp_path: Path) -> None:
    remember("canary-in-the-log")
    said: list[str] = []
    code = _READY + "print('no luck with canary-in-the-log', flush=True); raise SystemExit(3)"
    keeper = _keeper(tmp_path / "state", code, said.append)
    keeper.start()
    until(lambda: any("5 times in a row" in line for line in said), 30)
    assert [line for line in said if "runs" not in line][:4] == [
        f"luckless ended (status 3): starts again in {pause} s" for pause in (0.2, 0.4, 0.8, 1.6)
    ]
    assert said[-1].startswith(
        "luckless ended 5 times in a row (status 3): it is tried again, ever more rarely; the end of"
    )
    assert said[-1].endswith("\n  no luck with ********")
    waiting = keeper.status
    assert (waiting.state, waiting.pid, waiting.uptime, waiting.restarts) == (State.WAITING, None, None, 4)
    keeper.ask_to_stop()
    keeper.join()
    assert keeper.status.state == State.STOPPED


def test_one_that_is_told_to_stop_ends_in_order(tmp_path: Path) -> None:
    said: list[str] = []
    code = _READY.join(("import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: end()); ", _SLEEP))
    keeper = _keeper(tmp_path / "state", code, said.append)
    keeper.start()
    until(lambda: keeper.status.state is State.RUNNING)
    keeper.ask_to_stop()
    keeper.join()
    assert keeper.unit.log.read_text() == "ended well\n"
    assert said[-1] == "luckless stopped"
