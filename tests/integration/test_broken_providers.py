"""A provider of another distribution that cannot be used: said with its name and the reason, and no other is harmed."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.distributions import add_distribution, run

_GOOD = """
from agents.core.provider import Provider
from telemetry.settings.providers import ProviderSettings

class Section(ProviderSettings):
    pass

class {name}(Provider):
    "A provider of a test."
    name = "{entry}"
    title = "{name}"
    settings = Section
    services = "{services}"
"""
_SERVICE = """
from agents.generic.services.host import Host
from agents.core.service import Service, service
@service({provider!r}, {name!r})
class Mine({base}): ...
"""
# As what is written in Rust does: its panics are no Exception.
_PANIC = "class Panic(BaseException): ...\nraise Panic('no\\nluck')"


def _good(entry: str, services: str = "agents.generic.services") -> str:
    return _GOOD.format(name="Made", entry=entry, services=services)


#: By entry point: the module, and what is said of it.
_BROKEN = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "leaves": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "panics": (_PANIC, "Panic: no luck"),
    "lacks": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "other_name": (_good("another"), "ValueError: the provider's name is 'another'"),
    "aws": (_good("aws"), "ValueError: the name 'aws' is taken already"),
    "plan": (_good("plan"), "ValueError: a provider's name is lower-case letters, digits and _, and neither plan"),
    "ledger": (_good("ledger"), "ValueError: 'ledger' is a word of the configuration already"),
    "openfinops": (_good("openfinops"), "ValueError: 'openfinops' is a word of the configuration already"),
    "destinations": (_good("destinations"), "ValueError: 'destinations' is a word of the configuration already"),
    "no_base": (
        (
            "from telemetry.settings.providers import ProviderSettings\n"
            "class Made:\n    name = 'no_base'\n    settings = ProviderSettings"
        ),
        "ValueError: it has no title: derive its class from agents.core.provider.Provider",
    ),
    "no_section": (
        _good("no_section").replace("(ProviderSettings):", ":"),
        "ValueError: its settings must be a class derived from ProviderSettings",
    ),
    "half_section": (
        _good("half_section").replace("    pass\n", "    thing: 'NoSuchType'\n"),
        "PydanticUndefinedAnnotation: name 'NoSuchType' is not defined",
    ),
}
#: By entry point: the module of the one service, and what is said of the package. Of a provider that is well.
_BROKEN_SERVICES = {
    "half": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "panicking": (_PANIC, "Panic: no luck"),
    "abstract": (
        _SERVICE.format(provider="abstract", name="mine", base="Service"),
        "TypeError: Can't instantiate abstract class Mine",
    ),
    "intruder": (
        _SERVICE.format(provider="aws", name="mine", base="Host"),
        "ValueError: aws/mine: a service in the package of intruder must be one of intruder",
    ),
    "acme_thief": (
        _SERVICE.format(provider="generic", name="host", base="Host"),
        "RuntimeError: generic/host is registered twice",
    ),
}
_CONFIG = "generic: {services: [host]}\nwell: {}\n"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of packages with everything that is broken, and one provider that is well."""
    home = tmp_path_factory.mktemp("packages")
    for name, (code, _) in _BROKEN.items():
        (home / f"broken_{name}.py").write_text(code, encoding="utf-8")
        add_distribution(home, f"dist-{name}", "finfleet.providers", {name: f"broken_{name}:Made"})
    well = {name: (_SERVICE.format(provider=name, name="mine", base="Host"), "") for name in ("well", "without")}
    for name, (code, _) in {**_BROKEN_SERVICES, **well}.items():
        (home / f"services_{name}").mkdir()
        (home / f"services_{name}" / "__init__.py").touch()
        (home / f"services_{name}" / "mine.py").write_text(code, encoding="utf-8")
        (home / f"provider_{name}.py").write_text(_good(name, f"services_{name}"), encoding="utf-8")
        add_distribution(home, f"dist-{name}", "finfleet.providers", {name: f"provider_{name}:Made"})
    add_distribution(home, "dist-pigeon", "finfleet.destinations", {"pigeon": "no_such_pigeon:Kind"})
    with (home / "provider_without.py").open("a", encoding="utf-8") as file:
        file.write('    permissions = "no_permissions"\n    sdk = ("no_such_sdk",)\n')
    return home


def test_each_is_said_with_its_distribution_and_the_reason_and_the_others_are_there(packages: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "workers.cli", "services", "--json"]
    done = run(command, PYTHONPATH=str(packages))
    assert done.returncode == 0, done.stderr
    there = {f"{one['provider']}/{one['service']}" for one in json.loads(done.stdout)}
    assert {"generic/host", "aws/ec2", "azure/aks", "gcp/gke", "well/mine"} <= there
    assert "aws/mine" not in there
    assert not any(one.partition("/")[0] in {*_BROKEN, *_BROKEN_SERVICES} - {"aws"} for one in there)
    said = [line for line in done.stderr.splitlines() if line.startswith("finfleet: cannot be used: ")]
    assert len(said) == len(_BROKEN) + len(_BROKEN_SERVICES) + 1
    assert [line for line in said if "dist-pigeon: entry point pigeon = no_such_pigeon:Kind: " in line]
    for name, (_, reason) in _BROKEN.items():
        start = f"finfleet: cannot be used: dist-{name}: entry point {name} = broken_{name}:Made: {reason}"
        assert [line for line in said if line.startswith(start)], name
    for name, (_, reason) in _BROKEN_SERVICES.items():
        start = f"finfleet: cannot be used: dist-{name}: provider {name}: services_{name}: {reason}"
        assert [line for line in said if line.startswith(start)], name


def test_the_configuration_of_the_others_is_read_and_planned(packages: Path, tmp_path: Path) -> None:
    config = tmp_path / "telemetry.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "workers.cli", "plan", "--resources", "1", "--json"]
    done = run(command, PYTHONPATH=str(packages), FINFLEET_CONFIG=str(config))
    assert done.returncode == 0, done.stderr
    targets = {line["target"].split("/")[0] for line in json.loads(done.stdout)}
    assert targets == {"generic", "well"}
    # One of the broken, named in the configuration: a fault in words, with what is wrong with it.
    config.write_text("half: {}\n", encoding="utf-8")
    done = run(command, PYTHONPATH=str(packages), FINFLEET_CONFIG=os.fspath(config))
    assert done.returncode == 78
    assert "half: this install has no service of it" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("permissions", "without"), "its permissions, no_permissions, cannot be loaded: ModuleNotFoundError"),
        (("collect", "without/default/local/mine"), "Made needs no_such_sdk, which is not installed\n"),
    ],
)
def test_no_remedy_is_named_that_is_none(packages: Path, words: tuple[str, ...], said: str) -> None:
    done = run([sys.executable, "-W", "error", "-m", "workers.cli", *words], PYTHONPATH=str(packages))
    assert done.returncode == 78, done.stderr
    assert said in done.stderr
    assert "pip install" not in done.stderr
