"""A disk that is full for a while: everything that `finfleet up` keeps is kept, and runs again when there is room.

A limit on the size of files stands for the full disk: it holds for root as well, and needs no file system of its own.
Whatever is started meanwhile inherits it, as it would find the same disk.
"""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.processes import ended
from tests.support.up import Up, environment, finfleet_up
from tests.support.waiting import until


def _limit(up: Up, size: int) -> None:
    process = psutil.Process(up.process.pid)
    _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))


def _ingest(up: Up) -> int | None:
    """The number of the ingest that runs, whatever up.json says."""
    for child in psutil.Process(up.process.pid).children():
        try:
            if child.cmdline()[-1:] == ["ingest"]:
                return child.pid
        except psutil.Error:
            continue
    return None


def test_what_ends_while_the_disk_is_full_is_started_again(short_path: Path) -> None:
    with finfleet_up(short_path / "state", "--no-flower") as up:
        before = up.pids
        assert _ingest(up) == before["ingest"]
        drafts = len(list(up.state.iterdir()))
        _limit(up, 0)
        for name in ("ingest", "postgres"):
            psutil.Process(before[name]).kill()
        until(lambda: _ingest(up) not in {None, before["ingest"]}, 20, "it is started again, though nobody can say so")
        assert up.report["processes"] == before, "there was no room to write it"
        until(lambda: ended(before["postgres"]))
        assert up.process.poll() is None

        _limit(up, psutil.RLIM_INFINITY)

        def whole() -> bool:
            report = up.report
            pids = report["processes"]
            again = all(pids.get(name) not in {None, before[name]} for name in ("ingest", "postgres"))
            return again and not report["not_running"] and pids.keys() == before.keys()

        until(whole, 60, "up.json tells of what runs now")
        assert len(list(up.state.iterdir())) <= drafts, "no drafts are left of what could not be written"
        until(lambda: f"postgres runs (process {up.pids['postgres']})" in up.said, 10, "it speaks again")
        assert up.stop() == 0
        assert not (up.state / "up.json").exists()


_SABOTAGE = """
import sys, time
from workers.local import supervisor

keep = supervisor.Supervisor._keep

def end(self):
    if self.unit.name != "beat":
        return keep(self)
    while not self.unit.ready():
        time.sleep(0.05)
    self._state = supervisor.State.RUNNING

supervisor.Supervisor._keep = end
from workers.cli import main
sys.argv[1:] = ["up", "--no-flower", "--state", sys.argv[1]]
main()
"""


def test_without_a_keeper_the_whole_ends_and_says_of_whom(short_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SABOTAGE, str(short_path / "state")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=short_path,
        env=environment(),
        timeout=120,
        check=False,
    )
    assert done.returncode == 69, done.stdout + done.stderr
    assert "nobody looks after beat any more" in done.stderr
    assert "ingest stopped" in done.stdout, "in order"
