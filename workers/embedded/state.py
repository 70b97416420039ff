"""The state directory: closed to other users, and held by one run at a time."""

import fcntl
import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from telemetry.private import SymlinkError, make_directory, open_directory, open_private, read_private
from workers.embedded.errors import EmbeddedServerError, StateInUseError
from workers.embedded.user import Account, owner_name, unprivileged_account

LOCK = "lock"
_POLL = 0.05
_SAME_START = 2.0


class StateLock:
    """Holds a state directory for one run; the kernel lets go of it when the holder and its heirs are gone.

    Heirs are processes that were given `fileno()`: a new run then waits until the last of them has ended.
    """

    def __init__(self, state: Path, *, patience: float = 20.0) -> None:
        """Name the directory; nothing is touched yet.

        Args:
            state: the directory; it is created, mode 0700, where it is missing.
            patience: seconds to wait for the children of a run that is dead; a living one is never waited for.
        """
        self._state = state
        self._patience = patience
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the directory; nothing happens where this object holds it already.

        Raises:
            StateInUseError: another run holds it.
            EmbeddedServerError: the directory is not ours, or not closed to others.
        """
        if self._descriptor >= 0:
            return
        private_directory(self._state)
        try:
            descriptor = open_private(self._state / LOCK, os.O_RDWR | os.O_CREAT)
        except SymlinkError as error:
            raise EmbeddedServerError(str(error)) from None
        try:
            self._wait_for(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {psutil.Process().create_time()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the directory; nothing happens where it is not held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def fileno(self) -> int:
        """The descriptor whose heirs hold the directory too."""
        if self._descriptor < 0:
            raise ValueError(f"{self._state} is not held")
        return self._descriptor

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _wait_for(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._patience
        while not _locked(descriptor):
            pid, alive = _holder(descriptor)
            if alive:
                raise StateInUseError(
                    f"{self._state} is in use by process {pid}: stop that one, or name another state directory "
                    "(--state)",
                    pid,
                )
            if time.monotonic() > deadline:
                raise StateInUseError(
                    f"{self._state} is still held by children of process {pid or 'unknown'}, which itself is gone: "
                    f"`lsof {self._state / LOCK}` shows them; end them, or name another state directory (--state)",
                    pid,
                )
            time.sleep(_POLL)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> tuple[int | None, bool]:
    """The process that last took the lock, and whether it lives (its number may be another's by now)."""
    written = os.pread(descriptor, 100, 0).decode().split()
    if len(written) != 2:  # noqa: PLR2004  number and start; it is just being written
        return None, False
    pid, started = int(written[0]), float(written[1])
    try:
        return pid, abs(psutil.Process(pid).create_time() - started) < _SAME_START
    except psutil.NoSuchProcess:
        return pid, False


def private_directory(path: Path) -> None:
    """Make a directory that is closed to other users, or make sure that the one there is ours and closed.

    Raises:
        EmbeddedServerError: it belongs to another user, is no directory or a link to one, or holds foreign files and is
            open to others.
    """
    try:
        make_directory(path)
        descriptor = open_directory(path)
    except NotADirectoryError:
        raise EmbeddedServerError(f"{path} is not a directory: name another state directory (--state)") from None
    except SymlinkError as error:
        raise EmbeddedServerError(str(error)) from None
    try:
        _close(path, descriptor)
    finally:
        os.close(descriptor)


def _close(path: Path, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        raise EmbeddedServerError(
            f"{path} belongs to {owner_name(status.st_uid)}, and this is {owner_name(os.geteuid())}: run as its "
            "owner, or name another state directory (--state)"
        )
    if _closed(status):
        return
    if any(path.iterdir()) and not (path / LOCK).exists():
        raise EmbeddedServerError(
            f"{path} is open to other users (mode {stat.S_IMODE(status.st_mode):04o}) and holds files that are not "
            f"ours: run `chmod 700 {path}`, or name another state directory (--state)"
        )
    os.fchmod(descriptor, 0o700)


def let_pass(directory: Path, account: Account) -> None:
    """Let the account's group pass through a directory of ours, which it still cannot list; all others stay out."""
    descriptor = open_directory(directory)
    try:
        os.fchown(descriptor, -1, account.gid)
        os.fchmod(descriptor, 0o710)
    finally:
        os.close(descriptor)


def _closed(status: os.stat_result) -> bool:
    mode = status.st_mode & 0o077
    account = unprivileged_account() if mode == stat.S_IXGRP else None
    return mode == 0 or (account is not None and status.st_gid == account.gid)


def write_private(path: Path, text: str, account: Account | None = None) -> None:
    """Replace a file as a whole: mode 0600, owned by `account` (by us where None).  The directory must be ours."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if account is not None:
                os.fchown(descriptor, account.uid, account.gid)
            file.write(text)
        draft.replace(path)
    except BaseException:  # a disk that is full must not be filled with drafts
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def secret(path: Path) -> str:
    """The secret that a file holds; a new one is made, mode 0600, where there is no file."""
    try:
        if not os.path.lexists(path):
            write_private(path, secrets.token_hex(24))
        return read_private(path)
    except SymlinkError as error:
        raise EmbeddedServerError(str(error)) from None
