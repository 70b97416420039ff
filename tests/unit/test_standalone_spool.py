"""The spool: order, restarts, bounds."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from agents.standalone.spool import Spool
from telemetry.errors import ConfigError


@contextmanager
def _spool(path: Path, max_bytes: int = 1000) -> Iterator[Spool]:
    with closing(Spool(path / "spool", max_bytes)) as spool:
        yield spool


def _add(spool: Spool, *bodies: bytes) -> None:
    with spool.together() as stage:
        for body in bodies:
            stage.add(body)


def _take_all(spool: Spool) -> list[bytes]:
    found = []
    while (one := spool.oldest()) is not None:
        entry, body = one
        found.append(body)
        spool.remove(entry)
    return found


def test_what_is_added_comes_out_in_order_over_a_restart(tmp_path: Path) -> None:
    with _spool(tmp_path) as spool:
        _add(spool, b"1", b"2")
        _add(spool, b"3")
        entry, body = spool.oldest() or (None, b"")
        assert body == b"1"
        assert entry is not None
        spool.remove(entry)
    with _spool(tmp_path) as spool:
        assert len(spool) == 2
        _add(spool, *(b"%d" % number for number in range(4, 12)))
        assert _take_all(spool) == [b"%d" % number for number in range(2, 12)]
        assert spool.oldest() is None
    with _spool(tmp_path) as spool:
        assert len(spool) == 0


def test_where_the_block_raises_nothing_is_added(tmp_path: Path) -> None:
    with _spool(tmp_path) as spool:
        with suppress(ValueError), spool.together() as stage:
            stage.add(b"1")
            raise ValueError
        assert _take_all(spool) == []
        assert {path.name for path in spool.directory.iterdir()} == {"lock"}


def test_what_a_killed_program_had_begun_is_forgotten(tmp_path: Path) -> None:
    with _spool(tmp_path) as spool:
        _add(spool, b"whole")
        (spool.directory / "77-1-0.staged").write_bytes(b"half")
        (spool.directory / "not-a-number.batch").write_bytes(b"?")
    with _spool(tmp_path) as spool:
        assert _take_all(spool) == [b"whole"]
        assert not list(spool.directory.glob("*.staged"))


def test_when_it_is_full_the_oldest_go_and_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bodies = [bytes([number]) * 100 for number in range(30)]
    with _spool(tmp_path) as spool, caplog.at_level(logging.ERROR):
        for body in bodies:
            _add(spool, body)
        assert spool.dropped == 20
        assert "the 1 oldest messages are lost, 20 since the start" in caplog.text
        assert sum(path.stat().st_size for path in spool.directory.glob("*.batch")) == 1000
        assert _take_all(spool) == bodies[20:]


def test_one_message_stays_however_large_it_is(tmp_path: Path) -> None:
    with _spool(tmp_path, 10) as spool:
        _add(spool, b"x" * 100)
        assert spool.dropped == 0
        _add(spool, b"y" * 100)
        assert _take_all(spool) == [b"y" * 100]


def test_one_that_was_dropped_while_it_was_sent_is_no_trouble(tmp_path: Path) -> None:
    with _spool(tmp_path, 150) as spool:
        _add(spool, b"x" * 100)
        entry, _ = spool.oldest() or (None, b"")
        _add(spool, b"y" * 100)
        assert entry is not None
        spool.remove(entry)
        assert _take_all(spool) == [b"y" * 100]


def test_a_second_program_is_refused(tmp_path: Path) -> None:
    with _spool(tmp_path), pytest.raises(ConfigError, match="another program uses it"):
        Spool(tmp_path / "spool", 1000)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--spool"):
        Spool(tmp_path / "file" / "spool", 1000)


def test_what_is_set_aside_is_kept_with_its_reason_and_bounded(tmp_path: Path) -> None:
    with _spool(tmp_path, 10_000) as spool:
        _add(spool, *(b"%d" % number for number in range(120)))
        for _ in range(120):
            entry, _ = spool.oldest() or (None, b"")
            assert entry is not None
            spool.set_aside(entry, "it is \ud800 bad")
        assert spool.oldest() is None
        aside = spool.directory / "set-aside"
        assert len(list(aside.glob("*.batch"))) == len(list(aside.glob("*.reason"))) == 100
        assert (aside / f"{120:020d}.reason").read_text() == "it is \\ud800 bad\n"
    with _spool(tmp_path) as spool:
        assert len(spool) == 0


def test_those_that_are_known_are_passed_over(tmp_path: Path) -> None:
    with _spool(tmp_path) as spool:
        _add(spool, b"1", b"2", b"3")
        entry, body = spool.oldest(but=[1, 2]) or (None, b"")
        assert (entry and entry.number, body) == (3, b"3")
        assert spool.oldest(but=[1, 2, 3]) is None
