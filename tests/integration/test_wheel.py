"""What the wheel brings, built without the network by the backend that the lock has."""

import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.clocks import STRICT

ROOT = Path(__file__).parents[2]
TYPED = ("agents", "storage", "tasks", "telemetry", "workers")
SHIPPED = {*TYPED, "migrations"}

# Everything that the wheel brings is imported where nothing of a checkout can be.
_IMPORT_ALL = """
import importlib, pkgutil, sys
for name in ("emulators", "tests", "benchmarks"):
    sys.modules[name] = None
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(package.__file__)
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files."""
    built, files = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("files")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    with ZipFile(wheel) as opened:
        opened.extractall(files)
    return files


def test_it_has_our_packages_and_neither_emulators_nor_tests(unpacked: Path) -> None:
    packages = {one.name for one in unpacked.iterdir() if not one.name.endswith(".dist-info")}
    assert packages == SHIPPED
    assert not [one for one in unpacked.rglob("*") if one.name.startswith(("test_", "conftest", "emulators"))]


@pytest.mark.parametrize("package", sorted(SHIPPED))
def test_it_has_every_file_of_a_package(unpacked: Path, package: str) -> None:
    def files(root: Path) -> set[str]:
        found = (one for one in (root / package).rglob("*") if one.is_file())
        return {one.relative_to(root).as_posix() for one in found if "__pycache__" not in one.parts}

    assert files(unpacked) == files(ROOT)


@pytest.mark.parametrize("package", TYPED)
def test_its_packages_say_that_they_have_types(unpacked: Path, package: str) -> None:
    assert (unpacked / package / "py.typed").is_file()


def test_its_entry_points_are_those_of_the_project(unpacked: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    written = ConfigParser()
    written.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep cases apart
    written.read(next(unpacked.glob("*.dist-info")) / "entry_points.txt")
    groups = {"console_scripts": project["scripts"], **project.get("entry-points", {})}
    assert {name: dict(section) for name, section in written.items() if name != "DEFAULT"} == groups
    assert written["console_scripts"]["finfleet"] == "workers.cli:main"


def test_no_module_of_it_needs_what_is_not_in_it(unpacked: Path) -> None:
    command = [sys.executable, *STRICT, "-c", _IMPORT_ALL, *TYPED]
    done = subprocess.run(command, cwd=unpacked, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(unpacked / "workers" / "__init__.py")
