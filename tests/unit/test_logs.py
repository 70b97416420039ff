"""Logs of programs stay within bounds, whatever the programs write, and go on after each change of files."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.embedded.logs import LogPipe, RotatingFile, tidy


def _read(log: Path) -> list[bytes]:
    """The files of a log, the oldest first."""
    files = [log.with_name(f"{log.name}.{number}") for number in (2, 1)]
    return [path.read_bytes() for path in (*files, log) if path.exists()]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=30))
def test_a_log_holds_the_newest_and_is_never_longer_than_its_bound(
    tmp_path_factory: pytest.TempPathFactory, written: list[bytes]
) -> None:
    log = tmp_path_factory.mktemp("log") / "a.log"
    file = RotatingFile(log, limit=40)
    for data in written:
        file.write(data)
        assert all(len(part) <= 40 for part in _read(log))
    file.close()
    kept = b"".join(_read(log))
    everything = b"".join(written)
    assert everything.endswith(kept)
    assert kept == everything or len(kept) > 40, "nothing is thrown away that has room"


def test_files_change_between_two_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    file = RotatingFile(log, limit=40)
    for number in range(50):
        file.write(b"line %d of a program\n" % number)
    assert all(part.startswith(b"line ") and part.endswith(b"\n") for part in _read(log))
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600] * 3


def test_a_log_that_a_person_has_removed_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    file = RotatingFile(log)
    file.write(b"one\n")
    log.unlink()
    file.write(b"two\n")
    assert log.read_bytes() == b"two\n"


def test_what_cannot_be_moved_aside_makes_room_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    (tmp_path / "a.log.2").mkdir()
    file = RotatingFile(log, limit=10)
    file.write(b"12345678\n" * 2)
    with pytest.raises(OSError, match=r"a\.log"):
        file.write(b"abcdefgh\n")
    file.write(b"ABCDEFGH\n")
    assert log.read_bytes() == b"ABCDEFGH\n"


def test_a_log_of_an_earlier_release_is_cut_to_its_bound_when_it_is_moved_aside(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 1000 + b"end\n")
    RotatingFile(log, limit=10).write(b"next\n")
    assert _read(log) == [b"xxxxxxend\n", b"next\n"]


def test_what_former_runs_have_left_is_bounded_in_size_and_number(tmp_path: Path) -> None:
    for number in range(30):
        log = tmp_path / f"collect.{number}.log"
        log.write_bytes(b"x" * 100 + b"%d" % number)
        os.utime(log, (number, number))
    tidy(tmp_path, limit=10, files=1, most=5)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [f"collect.{number}.log" for number in range(25, 30)]
    assert (tmp_path / "collect.29.log").read_bytes() == b"x" * 8 + b"29"


def test_a_pipe_outlives_starts_and_says_what_keeps_it_from_writing(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    pipe = LogPipe(log)
    with pytest.raises(FileNotFoundError):
        pipe.begin()
    log.parent.mkdir()
    for text in (b"first\n", b"second\n"):
        writing = pipe.begin()
        os.write(writing, text)
        pipe.settle()
        pipe.check()
    assert log.read_bytes() == b"first\nsecond\n"
    log.unlink()
    log.parent.rmdir()
    os.write(writing, b"lost\n")
    pipe.settle()
    with pytest.raises(FileNotFoundError):
        pipe.check()
    log.parent.mkdir()
    os.write(pipe.begin(), b"third\n")
    pipe.settle()
    pipe.check()
    pipe.close()
    assert log.read_bytes() == b"third\n"
