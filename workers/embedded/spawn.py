"""Start a program whose life is tied to ours, and stop it.

Whatever happens to this process, SIGKILL included, no program started here outlives it by more than `watcher.GRACE`
seconds: one small watcher process learns the group of every child *before* the child runs, and ends the groups when
the pipe from us reaches its end.  A pipe rather than Linux's parent-death signal: that one is cleared by a change of
user, fires when the parent's *thread* ends, reaches no grandchild, and exists on Linux alone.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from telemetry.private import open_private
from workers.embedded import watcher
from workers.embedded.user import Account

# A shell costs a millisecond, Python fifteen.  It registers its own number, which the program then takes over.
_REGISTER = r'printf "%s %s\n" "$$" "$1" >&0 || exit 125; shift; exec "$@" </dev/null'

# All that Python itself may need to start; the watcher holds none of our secrets.
_OF_THE_LOADER = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class _Watched:
    """The watcher process of this process: started at the first child, and again should it have died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._children: weakref.WeakKeyDictionary[subprocess.Popen[bytes], int] = weakref.WeakKeyDictionary()

    def pipe(self) -> int:
        """The end of the pipe that a launch registers through."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return self._pipe

    def add(self, child: subprocess.Popen[bytes], death_signal: int) -> None:
        """Remember a child, for a watcher that must be started again."""
        with self._lock:
            self._children[child] = death_signal

    def _start(self) -> None:
        self.forget()
        reading, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", watcher.__file__],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={name: os.environ[name] for name in _OF_THE_LOADER if name in os.environ},
                start_new_session=True,
            )
        finally:
            os.close(reading)
        for child, death_signal in self._children.items():
            if child.poll() is None:
                os.write(self._pipe, b"%d %d\n" % (child.pid, death_signal))

    def forget(self) -> None:
        """Let go of the pipe.  In a fork without exec too, or that copy would keep the watcher waiting."""
        if self._pipe >= 0:
            os.close(self._pipe)
        self._pipe = -1

    def close(self) -> None:
        """End what still runs, at the end of this process, and wait for it."""
        self.forget()
        deadline = time.monotonic() + watcher.GRACE + 1
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            for child in list(self._children):
                child.poll()  # collect it, or its group would not look empty to the watcher
            time.sleep(0.01)


_watched = _Watched()
atexit.register(_watched.close)


_of_parents: list[_Watched] = []


def _after_fork() -> None:
    global _watched  # noqa: PLW0603  the parent's watcher, and its children, are the parent's
    atexit.unregister(_watched.close)
    _watched.forget()
    _of_parents.append(_watched)  # kept, since a Popen that is dropped complains of a process that still runs
    _watched = _Watched()
    atexit.register(_watched.close)


os.register_at_fork(after_in_child=_after_fork)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path | int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program that ends when we end.

    It leads a session of its own (a terminal's Ctrl-C does not reach it), reads nothing, creates files closed to
    others, and inherits no descriptor but `pass_fds`.  It does inherit the signals that the calling thread blocks.

    Args:
        command: the program and its arguments; arguments are public, so never a secret.
        log: the file that its output is appended to, mode 0600; or a descriptor that it is written to.
        env: the whole environment; ours where None.
        cwd: where it starts; here where None.
        account: whom it runs as; only root may name one.
        death_signal: what its process group gets when this process is gone, SIGKILL following after `watcher.GRACE`.
        pass_fds: open descriptors that it keeps, under the same numbers.

    Raises:
        FileNotFoundError: there is no such program.
        PermissionError: we may not become `account`.
    """
    program = str(command[0])
    if shutil.which(program, path=(os.environ if env is None else env).get("PATH")) is None:
        raise FileNotFoundError(f"{program}: no such program")
    number = int(death_signal)
    groups: list[int] | None = [] if account else None
    arguments = [str(word) for word in command]
    output = log if isinstance(log, int) else open_private(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _REGISTER, "sh", str(number), *arguments],
            stdin=_watched.pipe(),
            stdout=output,
            stderr=output,
            env=env,
            cwd=cwd,
            start_new_session=True,
            pass_fds=pass_fds,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=groups,
        )
    finally:
        if not isinstance(log, int):
            os.close(output)
    process.args = arguments
    _watched.add(process, number)
    return process


def stop(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> int:
    """End a program started by `spawn`, and every process that it left behind in its group.

    Call it soon after a program has ended by itself, too: its group's number is free for others once it is empty.

    Args:
        process: the program; one that has just ended is fine.
        steps: signals to send to it, each with the seconds to wait after it; SIGKILL follows by itself.

    Returns:
        The exit status, as of `subprocess.Popen.returncode`.
    """
    for number, seconds in steps:
        process.send_signal(number)  # nothing, where it has ended
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
