"""What a Postgres that was killed leaves behind: backends still at work, a pid file, sockets."""

import hashlib
from pathlib import Path

import psutil

from workers.embedded.errors import EmbeddedServerError

_WITHIN = 5.0


def cluster_name(data: Path) -> str:
    """The name that a server on this directory puts into the title of each of its processes."""
    return f"finfleet-{hashlib.sha256(bytes(data)).hexdigest()[:12]}"


def clear(data: Path) -> None:
    """Make a data directory, whose lock we hold, ready for a start.

    Backends of a postmaster that is dead are ended: they cannot report to anybody, and block the next start as long as
    they work.  The pid file goes as well: its number may be another process's by now, which Postgres takes for itself.

    Raises:
        EmbeddedServerError: a postmaster that we do not know runs on the directory.
    """
    pid_file = data / "postmaster.pid"
    try:
        postmaster = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except FileNotFoundError:
        return
    except ValueError:  # empty: cut short by a crash of the machine
        postmaster = 0
    processes = _of_server_on(data)
    if any(process.pid == postmaster for process in processes):
        raise EmbeddedServerError(
            f"a Postgres that was not started here, process {postmaster}, runs on {data}: stop it "
            f"(kill -INT {postmaster})"
        )
    for process in processes:
        process.kill()
    _, alive = psutil.wait_procs(processes, timeout=_WITHIN)
    if alive:
        numbers = ", ".join(str(process.pid) for process in alive)
        raise EmbeddedServerError(f"processes of a dead Postgres in {data} do not end: {numbers}; end them first")
    pid_file.unlink()
    for socket in data.parent.glob(".s.PGSQL.*"):
        socket.unlink()


def _of_server_on(data: Path) -> list[psutil.Process]:
    """The data's owner's processes that work there, or, where root may not see where others work, that say so."""
    owner = data.stat().st_uid
    title = f"postgres: {cluster_name(data)}: "
    found = []
    for process in psutil.process_iter(["uids", "cwd", "cmdline"]):
        command = process.info["cmdline"] or [""]
        works_there = process.info["cwd"] == str(data)
        says_so = process.info["cwd"] is None and (command[0].startswith(title) or str(data) in command)
        if process.info["uids"] and process.info["uids"].real == owner and (works_there or says_so):
            found.append(process)
    return found
