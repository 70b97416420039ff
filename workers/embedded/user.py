"""Whom a server runs as.  Postgres refuses root, so root hands it to an account without rights."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.errors import EmbeddedServerError


@dataclass(frozen=True)
class Account:
    """A user of this machine: number, primary group, name."""

    uid: int
    gid: int
    name: str


def unprivileged_account() -> Account | None:
    """The account `nobody` where we are root; None, which means ourselves, where we are not.

    Raises:
        EmbeddedServerError: we are root, and this machine has no such account.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError(
            "Postgres refuses to run as root, and this machine has no account `nobody` to run it as: add one, run as "
            "an ordinary user, or name a server by FINFLEET_DATABASE_URL"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def owner_name(uid: int) -> str:
    """The user's name with its number, for people."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def closed_to(account: Account, directory: Path) -> Path | None:
    """The first directory on the way to `directory`, itself included, that `account` may not pass; None: all open.

    Goes by the permission bits alone, so it errs towards closed where access control lists grant more.
    """
    directory = directory.resolve()
    for step in (*reversed(directory.parents), directory):
        if not _granted(account, step, stat.S_IXOTH):
            return step
    return None


def can_run(account: Account, program: Path) -> bool:
    """Whether `account` may read and execute a file, the way to it included."""
    program = program.resolve()
    return closed_to(account, program.parent) is None and _granted(account, program, stat.S_IROTH | stat.S_IXOTH)


def _granted(account: Account, path: Path, wanted: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        wanted <<= 6
    elif status.st_gid == account.gid:
        wanted <<= 3
    return status.st_mode & wanted == wanted
