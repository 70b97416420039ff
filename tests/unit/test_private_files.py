"""Nothing of ours is changed through a symbolic link: directories, logs, signs of life, passwords, spool, prices."""

import logging
import os
import pickle
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agents.core.pricing.disk import DiskPriceCache
from agents.standalone.spool import Spool
from telemetry.errors import ConfigError
from telemetry.private import SymlinkError, make_directory, open_directory, open_private, write_anew
from workers.commands.up import _logging_to
from workers.embedded import EmbeddedServerError, StateLock
from workers.embedded.home import account_directory
from workers.embedded.logs import RotatingFile, tidy
from workers.embedded.ports import remembered_port
from workers.embedded.state import private_directory, secret, write_private
from workers.health.heartbeat import Heartbeat
from workers.local.files import StateFiles, tail

_VICTIM = "what is there must stay\n" * 1000


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A directory with a file, open to others, which links lead to."""
    directory = tmp_path / "victim"
    directory.mkdir()
    directory.chmod(0o755)
    (directory / "file").write_text(_VICTIM)
    (directory / "file").chmod(0o644)
    return directory


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    return directory


def _untouched(victim: Path) -> bool:
    file = victim / "file"
    return (
        [path.name for path in victim.iterdir()] == ["file"]
        and file.read_text() == _VICTIM
        and stat.S_IMODE(victim.stat().st_mode) == 0o755
        and stat.S_IMODE(file.stat().st_mode) == 0o644
        and file.stat().st_mtime < 2_000_000_000
    )


_DIRECTORIES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the state directory": ("s", lambda at: private_directory(at / "s")),
    "its lock": ("s", lambda at: StateLock(at / "s").acquire()),
    "the logs": ("logs", lambda at: StateFiles(at).prepare()),
    "the signs of life": ("run", lambda at: StateFiles(at).prepare()),
    "the data of a server": ("cluster", lambda at: account_directory(at, "cluster", None)),
    "the spool": ("spool", lambda at: Spool(at / "spool", 1000)),
    "the directory of the spool": ("spool", lambda at: Spool(at / "spool" / "aws", 1000)),
    "a directory": ("s", lambda at: make_directory(at / "s")),
    "a directory that is opened": ("s", lambda at: open_directory(at / "s")),
}


@pytest.mark.parametrize(("name", "use"), _DIRECTORIES.values(), ids=_DIRECTORIES)
def test_a_directory_that_is_a_link_is_refused(
    name: str, use: Callable[[Path], object], state: Path, victim: Path
) -> None:
    (state / name).symlink_to(victim)
    with pytest.raises((EmbeddedServerError, ConfigError, SymlinkError)) as refused:
        use(state)
    assert str(state / name) in str(refused.value)
    assert "symbolic link" in str(refused.value)
    assert _untouched(victim)


def _log_to(at: Path) -> None:
    (at / "logs").mkdir()
    (at / "up.log").rename(at / "logs" / "up.log")
    with _logging_to(StateFiles(at)):
        logging.getLogger("test").warning("hello")


_FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the lock": ("lock", lambda at: StateLock(at).acquire()),
    "a log": ("a.log", lambda at: RotatingFile(at / "a.log").write(b"x")),
    "the log of up": ("up.log", _log_to),
    "a password": ("password", lambda at: secret(at / "password")),
    "the lock of the spool": ("lock", lambda at: Spool(at, 1000)),
    "a file": ("f", lambda at: open_private(at / "f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)),
}


@pytest.mark.parametrize(("name", "use"), _FILES.values(), ids=_FILES)
def test_a_file_that_is_a_link_is_refused(name: str, use: Callable[[Path], object], state: Path, victim: Path) -> None:
    (state / name).symlink_to(victim / "file")
    with pytest.raises((EmbeddedServerError, ConfigError, SymlinkError), match="symbolic link"):
        use(state)
    assert _untouched(victim)


_REPLACED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "up.json": ("up.json", lambda at: StateFiles(at).write_report({})),
    "pgpass": ("pgpass", lambda at: StateFiles(at).write_pgpass(1, "x")),
    "a private file": ("f", lambda at: write_private(at / "f", "x")),
    "a note": ("f", lambda at: write_anew(at / "f", "x")),
    "the draft of a note": ("f.new", lambda at: write_anew(at / "f", "x")),
    "why a sign is withheld": ("sign.why", lambda at: Heartbeat(at / "sign").withhold("x")),
}


@pytest.mark.parametrize(("name", "use"), _REPLACED.values(), ids=_REPLACED)
def test_a_link_in_the_place_of_a_file_is_replaced(
    name: str, use: Callable[[Path], object], state: Path, victim: Path
) -> None:
    (state / name).symlink_to(victim / "file")
    use(state)
    assert not (state / name).is_symlink()
    assert _untouched(victim)


def test_what_only_looks_goes_past_a_link(state: Path, victim: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.log", "port", "sign"):
        (state / name).symlink_to(victim / "file")
    assert tail(state / "a.log") == "  (nothing)"
    tidy(state, limit=10)
    (victim / "file").write_text(_VICTIM)
    assert remembered_port(state / "port") is None
    Heartbeat(state / "sign").give()
    assert "cannot be given" in caplog.text
    assert _untouched(victim)


def test_prices_are_kept_in_no_directory_that_a_link_leads_to(
    state: Path, victim: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(state))
    (state / "finfleet").symlink_to(victim)
    cache = DiskPriceCache()
    cache.put("key", "1", timedelta(hours=1))
    assert cache.get("key") == "1"
    assert "symbolic link" in caplog.text
    (state / "prices").symlink_to(victim)
    DiskPriceCache(state / "prices").put("key", "1", timedelta(hours=1))
    assert _untouched(victim)


def test_a_message_in_the_spool_that_is_a_link_is_not_sent(tmp_path: Path, state: Path, victim: Path) -> None:
    spool = Spool(state / "aws", 1_000_000)
    with spool.together() as stage:
        stage.add(b"one")
    entry = next((state / "aws").glob("*.batch"))
    entry.unlink()
    entry.symlink_to(victim / "file")
    assert spool.oldest() is None
    spool.close()
    assert _untouched(victim)


def test_a_link_on_the_way_is_followed_where_it_is_ours(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    make_directory(tmp_path / "link" / "a" / "b")
    assert stat.S_IMODE((tmp_path / "real" / "a").stat().st_mode) == 0o700
    with pytest.raises(SymlinkError):
        make_directory(tmp_path / "link" / "a", ours=2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link of another user")
def test_a_link_on_the_way_of_another_user_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.lchown(tmp_path / "link", 65534, 65534)
    with pytest.raises(SymlinkError, match="link is a symbolic link"):
        make_directory(tmp_path / "link" / "a")
    assert list((tmp_path / "real").iterdir()) == []


def test_the_error_survives_pickling(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SymlinkError) as refused:
        open_private(tmp_path / "link", os.O_RDONLY)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)  # noqa: S301 - our own
