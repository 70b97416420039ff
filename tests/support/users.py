"""An ordinary user, for tests that root runs."""

import os
import shutil
import site
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from workers.embedded.user import Account, can_run, closed_to, unprivileged_account

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class User:
    """An ordinary user with a directory of its own, and an interpreter that it can run."""

    account: Account
    directory: Path
    python: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What that interpreter needs to find its library, and all that is installed here."""
        return {
            "LD_LIBRARY_PATH": str(self.python.parents[1] / "lib"),
            "PYTHONPATH": os.pathsep.join([str(_ROOT), *site.getsitepackages()]),
        }


def ordinary_user(directory: Path) -> User:
    """One whose files lie under a directory, which it must be able to reach; only root may call it."""
    account = unprivileged_account()
    assert account
    if closed_to(account, _ROOT) is not None:
        # A checkout under root's own home: what such a user would run cannot be reached, which is no fault of it.
        pytest.skip(f"an ordinary user cannot read {_ROOT}")
    own = directory / "own"
    own.mkdir(mode=0o700)
    os.chown(own, account.uid, account.gid)
    return User(account, own, _python_for(account, directory))


def _python_for(account: Account, directory: Path) -> Path:
    """Our interpreter, or the same one under a path that another user can reach (root's home is closed to it)."""
    ours = Path(sys.executable).resolve()
    if can_run(account, ours):
        return Path(sys.executable)
    base, library = Path(sys.base_prefix), Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}"
    # With what is compiled: this user could not keep it, and each of its processes would compile it anew.
    leave_out = shutil.ignore_patterns("site-packages", "test", "idlelib", "config-*", "*.a")
    shutil.copytree(base / library, directory / library, ignore=leave_out, copy_function=_link_or_copy)
    (directory / "bin").mkdir()
    for file in (ours, *base.glob("lib/libpython*")):
        _link_or_copy(str(file), str(directory / file.relative_to(base)))
    return directory / ours.relative_to(base)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
