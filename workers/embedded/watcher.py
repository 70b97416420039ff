"""Ends the children of a process that is gone.  Runs as a process of its own, started by its path (see `spawn`).

Standard input is a pipe that only the watched process and its launches in flight hold open.  Each launch writes one
line, `GROUP SIGNAL`.  End of file means that the watched process is gone, however it went: each group then gets its
signal and, where that does not end it within the grace, SIGKILL.

Standard library only: it starts in isolated mode, without site-packages.
"""

import os
import select
import signal
import time

GRACE = 10.0
"""Seconds between a group's own signal and SIGKILL: Postgres itself takes five to end its backends."""

_TICK = 1.0
_POLL = 0.02


def follow(source: int) -> dict[int, int]:
    """Read launches from `source` until end of file; return the signal of each process group still alive then.

    Groups that have ended are forgotten every second, long before the kernel could give their number to a stranger.
    """
    groups: dict[int, int] = {}
    unfinished = b""
    while True:
        readable, _, _ = select.select([source], [], [], _TICK if groups else None)
        groups = _alive(groups)
        if not readable:
            continue
        chunk = os.read(source, 4096)
        if not chunk:
            return groups
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        groups.update((int(group), int(number)) for group, number in (line.split() for line in lines))


def end(groups: dict[int, int], grace: float = GRACE) -> None:
    """Signal every group, and kill what is left of them after `grace` seconds."""
    for group, number in groups.items():
        _send(group, number)
        _send(group, signal.SIGCONT)  # one that is stopped would not hear it
    deadline = time.monotonic() + grace
    while (groups := _alive(groups)) and time.monotonic() < deadline:
        time.sleep(_POLL)
    for group in groups:
        _send(group, signal.SIGKILL)


def _alive(groups: dict[int, int]) -> dict[int, int]:
    return {group: number for group, number in groups.items() if _send(group, 0)}


def _send(group: int, number: int) -> bool:
    """Signal a group; False where no process of it is left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists, under another user
        return True
    return True


def main() -> None:
    """Watch standard input; deaf to the signals that are meant for the watched process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end(follow(0))


if __name__ == "__main__":
    main()
