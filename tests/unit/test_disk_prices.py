"""The price cache on disk: shared by processes, forgetful in time, and never in the way."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agents.core.pricing import Price, PriceBook, disk
from agents.core.pricing.book import KNOWN_FOR, UNKNOWN_FOR
from agents.core.pricing.disk import FILE, DiskPriceCache, default_folder
from agents.standalone.agent import make_settings, make_shared

PRICE = Price(Decimal("0.0960000000"), "USD")
HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "prices"


def _never() -> Price:
    pytest.fail("looked up again")


def _book(folder: Path, later: timedelta = timedelta(0)) -> PriceBook:
    """As another process would have it, so much later."""
    return PriceBook(DiskPriceCache(folder, now=lambda: time.time() + later.total_seconds()))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


_LOOK_UP = """
import sys
from decimal import Decimal
from agents.core.pricing import Price, PriceBook
from agents.core.pricing.disk import DiskPriceCache

def look_up():
    print("looked up")
    return Price(Decimal("0.0960000000"), "USD")

print(PriceBook(DiskPriceCache(sys.argv[1])).find("m5", look_up))
"""


def _python(code: str, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-c", code, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _output(process: "subprocess.Popen[str]") -> list[str]:
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out.splitlines()


def test_two_processes_look_a_price_up_once(folder: Path) -> None:
    assert _output(_python(_LOOK_UP, str(folder))) == ["looked up", str(PRICE)]
    assert _output(_python(_LOOK_UP, str(folder))) == [str(PRICE)]
    assert (_mode(folder), _mode(folder / FILE)) == (0o700, 0o600)


def test_a_price_is_looked_up_again_when_it_is_old(folder: Path) -> None:
    assert _book(folder).find("m5", lambda: PRICE) == PRICE
    assert _book(folder, KNOWN_FOR - HOUR).find("m5", _never) == PRICE
    dearer = Price(Decimal("0.1"), "USD")
    assert _book(folder, KNOWN_FOR).find("m5", lambda: dearer) == dearer
    assert _book(folder, KNOWN_FOR + HOUR).find("m5", _never) == dearer


def test_an_unknown_price_stays_unknown_for_its_short_time_alone(folder: Path) -> None:
    assert _book(folder).find("m5", lambda: None) is None
    assert _book(folder, UNKNOWN_FOR / 2).find("m5", _never) is None
    assert _book(folder, UNKNOWN_FOR).find("m5", lambda: PRICE) == PRICE


def test_a_price_that_was_kept_before_the_clock_was_set_back_is_looked_up_again(folder: Path) -> None:
    assert _book(folder, HOUR).find("m5", lambda: None) is None
    assert _book(folder).find("m5", lambda: PRICE) == PRICE


def test_a_price_in_another_form_is_looked_up_again(folder: Path) -> None:
    DiskPriceCache(folder).put("m5", '{"of": "another release"}', HOUR)
    assert _book(folder).find("m5", lambda: PRICE) == PRICE
    assert _book(folder).find("m5", _never) == PRICE


def test_what_one_source_says_is_not_taken_for_another(folder: Path) -> None:
    DiskPriceCache(folder, source="a local cloud").put("m5", "1", HOUR)
    assert DiskPriceCache(folder, source="the real one").get("m5") is None
    DiskPriceCache(folder, source="the real one").put("m5", "2", HOUR)
    assert DiskPriceCache(folder, source="a local cloud").get("m5") == "1"


_PUT_MANY = """
import sys
from datetime import timedelta
from agents.core.pricing.disk import DiskPriceCache

cache = DiskPriceCache(sys.argv[1])
for number in range(20):
    cache.put(f"{sys.argv[2]}/{number}", f"{sys.argv[2]}-{number}", timedelta(hours=1))
"""


def test_processes_and_threads_write_side_by_side(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    processes = [_python(_PUT_MANY, str(folder), name) for name in ("a", "b")]
    cache = DiskPriceCache(folder)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: cache.put(f"c/{n}", f"c-{n}", HOUR), range(20)))
    for process in processes:
        assert _output(process) == []
    fresh = DiskPriceCache(folder)
    for name in "abc":
        assert [fresh.get(f"{name}/{number}") for number in range(20)] == [f"{name}-{n}" for n in range(20)]
    assert caplog.messages == []


def _nonsense(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def _cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def _scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * len(content[4096:])
    path.write_bytes(content)


def _of_another_form(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE prices (name, amount)")
    connection.close()


@pytest.mark.parametrize("spoil", [_nonsense, _cut_short, _scribble, _of_another_form])
def test_a_spoilt_file_is_started_anew(
    folder: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    cache = DiskPriceCache(folder)
    for number in range(50):
        cache.put(f"m5/{number}", "1" * 100, HOUR)
    (folder / f"{FILE}-journal").touch()
    spoil(folder / FILE)

    assert _book(folder).find("m5/0", lambda: PRICE) == PRICE

    (message,) = caplog.messages
    assert f"the price cache {folder / FILE} is spoilt" in message
    assert _book(folder).find("m5/0", _never) == PRICE
    assert _mode(folder / FILE) == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_what_is_too_much_goes_the_oldest_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MAX_PRICES", 10)
    DiskPriceCache(folder, now=lambda: time.time() - 7200).put("old", "1", HOUR)
    for number in range(15):
        DiskPriceCache(folder, now=lambda number=number: time.time() - 100 + number).put(str(number), "1", 2 * HOUR)  # type: ignore[misc] # mypy cannot infer a default
    with sqlite3.connect(folder / FILE) as connection:
        assert [key for (key,) in connection.execute("SELECT key FROM prices ORDER BY since")] == [
            str(number) for number in range(5, 15)
        ]
    connection.close()


def _a_file_in_the_way(folder: Path) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("not a directory")


def _a_link_elsewhere(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "elsewhere").touch()
    (folder / FILE).symlink_to(folder / "elsewhere")


def _open_to_others(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / FILE).touch()
    (folder / FILE).chmod(0o666)


@pytest.mark.parametrize("hinder", [_a_file_in_the_way, _a_link_elsewhere, _open_to_others])
def test_where_it_cannot_be_kept_prices_are_kept_in_memory_and_that_is_said_once(
    folder: Path, hinder: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    hinder(folder)
    book = _book(folder)
    for key in ("m5", "c5"):
        assert book.find(key, lambda: PRICE) == PRICE
        assert book.find(key, _never) == PRICE
    (message,) = caplog.messages
    assert message.startswith("prices are kept in this process only: ")
    assert message.endswith(": give a folder that can be written")
    assert not (folder / "elsewhere").exists() or (folder / "elsewhere").stat().st_size == 0


def test_a_locked_file_is_waited_for_and_then_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disk, "_BUSY_SECONDS", 0.05)
    DiskPriceCache(folder).put("m5", "1", HOUR)
    holder = sqlite3.connect(folder / FILE, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    cache = DiskPriceCache(folder)
    cache.put("c5", "2", HOUR)
    assert cache.get("c5") == "2"
    holder.execute("ROLLBACK")
    holder.close()
    assert "locked" in caplog.text
    assert DiskPriceCache(folder).get("m5") == "1", "nothing was thrown away"


def test_its_place_is_the_cache_directory_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "finfleet" / "prices"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert default_folder() == tmp_path / ".cache" / "finfleet" / "prices"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == tmp_path / ".cache" / "finfleet" / "prices"


def test_a_user_without_a_home_has_prices_in_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    cache = DiskPriceCache()
    cache.put("m5", "1", HOUR)
    assert cache.get("m5") == "1"
    assert "Could not determine home directory" in caplog.text


def test_agents_keep_prices_where_they_are_told_to_or_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    settings = make_settings("aws", {"region": "us-east-1"}, "an agent")
    named = make_shared(settings, price_cache=tmp_path / "named")
    named.prices.put("m5", "1", HOUR)
    usual = make_shared(settings)
    assert usual.settings is settings
    assert usual.prices.get("m5") is None
    usual.prices.put("m5", "2", HOUR)
    assert (tmp_path / "named" / FILE).exists()
    assert (tmp_path / "xdg" / "finfleet" / "prices" / FILE).exists()
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("section", "variable"),
    [
        ({"endpoints": {"pricing": "http://127.0.0.1:1"}}, None),
        ({"profile": "local"}, None),
        ({}, "AWS_ENDPOINT_URL"),
        ({}, "AWS_ENDPOINT_URL_PRICING"),
        ({}, "AWS_PROFILE"),
    ],
)
def test_agents_that_ask_elsewhere_keep_prices_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch, section: dict[str, object], variable: str | None
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    usual = make_shared(make_settings("aws", {"region": "eu-west-1"}, "an agent"), price_cache=folder)
    usual.prices.put("m5", "1", HOUR)
    if variable is not None:
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    other = make_shared(make_settings("aws", section, "an agent"), price_cache=folder)
    assert other.prices.get("m5") is None
    if variable is not None:
        monkeypatch.delenv(variable)
    same = make_shared(make_settings("aws", {"region": "us-east-1"}, "an agent"), price_cache=folder)
    assert same.prices.get("m5") == "1"


@pytest.mark.parametrize(
    ("price", "until"),
    [
        ("[" * 100_000, 9e999),
        ('{"amount": "x", "currency": 1}', 1e300),
        (b"\xff\x00", 1e12),
        ("\\ud800", 1e12),
        ('{"amount": ' + "9" * 10_000 + "}", 1e12),
    ],
)
def test_what_nobody_of_us_wrote_is_no_price(folder: Path, price: object, until: float) -> None:
    assert _book(folder).find("m5", lambda: PRICE) == PRICE
    with sqlite3.connect(folder / FILE) as file:
        file.execute("UPDATE prices SET price = ?, until = ?", [price, until])
    file.close()
    other = Price(Decimal(1), "EUR")
    assert _book(folder).find("m5", lambda: other) == other
