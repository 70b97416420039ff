"""The libraries of the extra ``bills`` are imported where a bill is read, and what a fold leaves on disk is removed."""

import fcntl
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

import pytest

from agents.core.bills import libraries
from agents.core.bills.stores import Login, open_store
from agents.core.bills.workspace import workspace
from telemetry.errors import CollectionFailed
from tests.support.bills import context, focus, read

_LIBRARIES = ("duckdb", "obstore", "pyarrow")


@pytest.mark.parametrize("name", _LIBRARIES)
def test_a_missing_library_is_told_with_the_extra_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in [name, *(one for one in sys.modules if one.startswith(f"{name}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CollectionFailed, match=rf"{name} is not installed.*pip install 'finfleet\[bills\]'"):
        read(tmp_path, {"a.csv": focus({})})


def test_sftp_without_its_library_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(CollectionFailed, match=r"asyncssh is not installed.*pip install 'finfleet\[bills\]'"):
        open_store("sftp://user@host/folder", context(), credentials=Login)


def test_a_workspace_goes_at_its_end_and_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with workspace() as folder:
        (folder / "spilled").write_bytes(b"x")
        assert folder.parent == tmp_path
    with pytest.raises(ZeroDivisionError), workspace():
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_and_what_another_uses_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, used = tmp_path / "finfleet-bills-left", tmp_path / "finfleet-bills-used"
    for folder in (left, used):
        folder.mkdir()
        (folder / "in-use").touch()
        (folder / "spilled").write_bytes(b"x")
    with (used / "in-use").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with workspace():
            assert not left.exists()
    assert [one.name for one in tmp_path.iterdir()] == ["finfleet-bills-used"]


def test_a_folder_that_was_taken_for_a_left_one_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    locks: list[int] = []

    def taken(lock: IO[str], how: int) -> None:
        if not locks:
            shutil.rmtree(Path(lock.name).parent)
        locks.append(how)

    monkeypatch.setattr("agents.core.bills.workspace.fcntl.flock", taken)
    with workspace() as folder:
        assert folder.is_dir()
    assert len(locks) == 2


def test_the_engine_reads_nothing_by_itself_and_spills_where_it_is_told(tmp_path: Path) -> None:
    with libraries.connect_duckdb(str(tmp_path), 100_000_000, 1_000_000_000) as connection:
        found = dict(
            connection.sql(
                "SELECT name, value FROM duckdb_settings() WHERE name IN ('temp_directory', 'memory_limit', 'TimeZone',"
                " 'autoinstall_known_extensions', 'autoload_known_extensions')"
            ).fetchall()
        )
    assert found["temp_directory"] == str(tmp_path)
    assert {found["autoinstall_known_extensions"], found["autoload_known_extensions"]} == {"false"}
    assert (found["TimeZone"], found["memory_limit"]) == ("UTC", "95.3 MiB")
