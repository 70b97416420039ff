"""Files and directories that are ours alone, and never changed through a symbolic link.

A link that somebody has put in the place of one would lead what we write, make longer or shorter, or close to others,
to a file of their choice.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class SymlinkError(OSError):
    """There is a symbolic link where a file or directory of ours should be."""

    def __str__(self) -> str:
        return f"{self.filename} {self.strerror}"


def make_directory(path: Path, *, ours: int = 1) -> None:
    """Make a directory, and those above it that are missing, closed to other users; one that is there stays as it is.

    Raises:
        SymlinkError: one of the last ``ours`` parts of the path is a link, or one above is, of another user.
        OSError: it cannot be made.
    """
    parts = [path, *path.parents]
    for index, part in reversed(list(enumerate(parts))):
        try:
            found = part.lstat()
        except FileNotFoundError:
            part.mkdir(mode=0o700, exist_ok=True)
            found = part.lstat()
        if stat.S_ISLNK(found.st_mode) and (index < ours or found.st_uid not in {0, os.geteuid()}):
            raise _link(part)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is not a directory", str(path))


def open_directory(path: Path) -> int:
    """A descriptor of a directory, to look at and to change; SymlinkError where it is a link."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        _refuse_link(path)
        raise


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a file, mode 0600 where it is made; SymlinkError where it is a link."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        _refuse_link(path)
        raise


def read_private(path: Path) -> str:
    """The text of a file; SymlinkError where it is a link."""
    with os.fdopen(open_private(path, os.O_RDONLY), encoding="utf-8") as file:
        return file.read()


def write_anew(path: Path, text: str) -> None:
    """Replace a file as a whole, mode 0600; a link in its place is replaced, not followed."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _link(path: Path) -> SymlinkError:
    what = "is a symbolic link, through which nothing of ours is changed: name the directory itself, or remove the link"
    return SymlinkError(errno.ELOOP, what, str(path))


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise _link(path) from None
