"""Where the files of a server that runs as another account live: in the state directory if that account can get there.

Under a home directory that is closed to others it cannot, and no directory of a user's is ever opened for it; then they
live under /var/lib/finfleet, and a link in the state directory leads there.
"""

import os
import tempfile
from pathlib import Path

from workers.embedded.errors import EmbeddedServerError
from workers.embedded.state import let_pass, private_directory
from workers.embedded.user import Account, closed_to, owner_name

ELSEWHERE = Path("/var/lib/finfleet")


def account_directory(folder: Path, name: str, account: Account | None, elsewhere: Path = ELSEWHERE) -> Path:
    """A directory that only `account` (we, where None) may enter, and that it can reach; the same at each call.

    Args:
        folder: the server's directory, of ours, directly in the state directory.
        name: of the directory in `folder`, or of the link there.
        account: whom the server runs as.
        elsewhere: where it is made if `account` cannot reach `folder`.

    Returns:
        Its real path.  Its parent is a directory of ours that `account` can pass through.

    Raises:
        EmbeddedServerError: it is gone, belongs to another user, or cannot be reached or made.
    """
    place = folder.resolve() / name
    if account is None:
        private_directory(place)
        return _checked(place, os.geteuid())
    if place.is_symlink():
        return _elsewhere(place, account, elsewhere)
    barrier = closed_to(account, folder.resolve().parents[1])
    if barrier is None:
        let_pass(folder.resolve().parent, account)
        let_pass(folder, account)
    elif place.exists():
        raise EmbeddedServerError(
            f"user {account.name}, whom the server runs as, can no longer reach {place}: {barrier} is closed to it; "
            "let it pass there, or name another state directory (--state)"
        )
    else:
        place.symlink_to(_make_elsewhere(folder, name, account, elsewhere))
        return place.resolve()
    if not place.exists():
        _make(place, account)
    return _checked(place, account.uid)


def _elsewhere(place: Path, account: Account, elsewhere: Path) -> Path:
    """Where the link leads that we have made; no other is followed."""
    found = _checked(place, account.uid)
    if found.parent.parent != elsewhere.resolve():
        raise EmbeddedServerError(
            f"{place} leads to {found}, which was not made here: remove the link, or name another state directory "
            "(--state)"
        )
    return found


def _make_elsewhere(folder: Path, name: str, account: Account, elsewhere: Path) -> Path:
    try:
        elsewhere.mkdir(mode=0o711, parents=True, exist_ok=True)
        parent = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=elsewhere.resolve()))
    except OSError as error:
        raise EmbeddedServerError(
            f"user {account.name}, whom the server runs as, cannot reach {folder}, and {elsewhere} cannot be used "
            f"instead: {error}; name a state directory (--state) that it can reach"
        ) from error
    let_pass(parent, account)
    barrier = closed_to(account, parent)
    if barrier is not None:
        raise EmbeddedServerError(
            f"user {account.name}, whom the server runs as, can reach neither {folder} nor {parent}: {barrier} is "
            "closed to it; name a state directory (--state) that it can reach"
        )
    (parent / "belongs-to").write_text(f"{folder.resolve()}\n", encoding="utf-8")
    return _make(parent / name, account)


def _make(place: Path, account: Account) -> Path:
    place.mkdir(mode=0o700)
    os.chown(place, account.uid, account.gid)
    return place


def _checked(place: Path, uid: int) -> Path:
    if not place.is_dir():
        raise EmbeddedServerError(
            f"{place} leads to {place.readlink()}, which is gone: bring it back, or remove {place.parent} to start "
            "with an empty server"
        )
    owner = place.stat().st_uid
    if owner != uid:
        raise EmbeddedServerError(
            f"{place} belongs to {owner_name(owner)}, but the server would run as {owner_name(uid)}: start as the "
            "user who made it, or name another state directory (--state)"
        )
    return place.resolve()
