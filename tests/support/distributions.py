"""Distributions of others, for tests: written into a directory of packages, or built and installed by pip."""

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PIP = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
_HERE = Path(sys.executable)


def add_distribution(packages: Path, name: str, group: str, entries: Mapping[str, str]) -> None:
    """Write what tells Python of a distribution with these entry points; its modules lie in ``packages`` already."""
    about = packages / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = "".join(f"{entry} = {value}\n" for entry, value in entries.items())
    (about / "entry_points.txt").write_text(f"[{group}]\n{lines}", encoding="utf-8")


def run(command: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, from the root of the repository, with these variables besides."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own: finfleet as it is here, its dependencies, and what is installed besides."""

    home: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Its own site-packages."""
        (found,) = self.home.glob("lib/python*/site-packages")
        return found

    def install(self, source: Path, scratch: Path) -> None:
        """Build the distribution of ``source`` and install it, as pip does, without an index."""
        copy = scratch / source.name  # pip leaves files where it builds
        for command in (
            ["cp", "-r", str(source), str(copy)],
            [str(_HERE), "-m", "pip", *_PIP, "--target", str(self.packages), str(copy)],
        ):
            done = run(command)
            assert done.returncode == 0, done.stderr

    def finfleet(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line in it."""
        return run([str(self.python), "-W", "error", "-m", "workers.cli", *words], **variables)


def make_environment(home: Path) -> Environment:
    """A virtual environment that shares the packages of the one that runs the tests, and has its own beside them."""
    venv.create(home, with_pip=False, symlinks=True)
    made = Environment(home)
    shared = [path for path in sys.path if path.endswith("site-packages")]
    # A directory that is added so has its own .pth files read: finfleet may be installed as a link to its source.
    lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in shared)
    (made.packages / "shared.pth").write_text(lines, encoding="utf-8")
    return made
