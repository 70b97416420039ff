"""Whose packages Python would import: another distribution may bring some under the same names."""

from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.packages import PACKAGES, check_packages


def _installed(home: Path, distribution: str, *files: str) -> None:
    info = home / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files), encoding="utf-8")


def test_this_install_is_well() -> None:
    check_packages()


def test_a_package_from_elsewhere_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_packages(tmp_path)
    assert all(f"package {name}: Python finds " in str(caught.value) for name in PACKAGES)
    assert "virtual environment of its own" in str(caught.value)


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("first", [True, False])
def test_a_distribution_that_brings_the_same_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, first: bool
) -> None:
    theirs = [f"{name}/__init__.py", "other/__init__.py"]
    _installed(tmp_path, "openai_agents", *(theirs if first else reversed(theirs)))
    _installed(tmp_path, "finfleet", *(f"{package}/__init__.py" for package in PACKAGES))
    _installed(tmp_path, "harmless", f"harmless/{name}/__init__.py")
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        monkeypatch.delitem(__import__("sys").modules, package, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        check_packages(tmp_path)
    assert f"package {name}: openai-agents brings one of the same name into {tmp_path}" in str(caught.value)
    assert "harmless" not in str(caught.value).replace(str(tmp_path), "")
