"""The example of a service in a distribution of its own: installed by pip, planned, collected, held to our tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_EXAMPLE = _ROOT / "examples" / "service_package"
_PIP = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of packages with the example in it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    # pip leaves files where it builds.
    done = _run(["cp", "-r", str(_EXAMPLE), str(source)])
    assert done.returncode == 0, done.stderr
    done = _run([sys.executable, "-m", "pip", *_PIP, "--target", str(target), str(source / _EXAMPLE.name)])
    assert done.returncode == 0, done.stderr
    return target


def _run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=_ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _python(code: str, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "-W", "error", "-c", code], PYTHONPATH=str(path), **variables)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "one").write_bytes(b"12345")
    (tmp_path / "two").write_bytes(b"123")
    (tmp_path / "directory").mkdir()
    return tmp_path


_SCHEDULE = """
import json
from tasks.app import app
from tasks.runtime import runtime

plan = runtime.planned()["generic", "spool_directory"]
entry = app.conf.beat_schedule["fan out generic/spool_directory"]
print(json.dumps([entry["task"], entry["args"], [str(one.target) for one in plan.targets], plan.targets[0].queue]))
"""


def test_beat_schedules_it_and_a_worker_of_its_provider_is_to_collect_it(installed: Path, tmp_path: Path) -> None:
    config = tmp_path / "telemetry.yaml"
    config.write_text("generic: {services: [spool_directory]}\n", encoding="utf-8")
    done = _python(_SCHEDULE, installed, FINFLEET_CONFIG=str(config))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "tasks.plan.fan_out",
        ["generic", "spool_directory"],
        ["generic/default/global/spool_directory"],
        "collect.generic",
    ]


def test_it_is_collected(installed: Path, spool: Path) -> None:
    program = "from workers.cli import main; main()"
    command = [sys.executable, "-c", program, "collect", "generic/default/global/spool_directory", "--json"]
    done = _run(command, PYTHONPATH=str(installed), SPOOL_DIRECTORY=str(spool))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    values = {record["metric"]: record["value"] for record in found["records"] if "metric" in record}
    assert (values["files"], values["bytes"]) == (2, 8)
    assert values["oldest_age"] >= 0
    unset = _run(command, PYTHONPATH=str(installed))
    assert unset.returncode == 1
    assert "SPOOL_DIRECTORY is not set" in json.loads(unset.stdout)["report"]["error"]


_KIT = """
from agents.testing.services import ServiceConformance

class TestSpoolDirectory(ServiceConformance):
    provider, names = "generic", ("spool_directory",)
"""


def test_it_passes_the_conformance_kit(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_kit.py").write_text(_KIT, encoding="utf-8")
    words = ("-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path))
    done = _run([sys.executable, "-m", "pytest", *words], PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stdout + done.stderr
    (summary,) = [line for line in done.stdout.splitlines() if " passed" in line]
    assert int(summary.split()[0]) >= 10, done.stdout


_BROKEN = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "half": (
        (
            "from agents.core.service import Service, service\n"
            "@service('generic', 'good_half')\nclass Good(Service): ...\n"
            "import no_such_module"
        ),
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "abstract": (
        "from agents.core.service import Service, service\n@service('generic', 'abstract')\nclass Half(Service): ...",
        "TypeError: Can't instantiate abstract class Half",
    ),
    "stranger": (
        (
            "from agents.generic.services.host import Host\nfrom agents.core.service import service\n"
            "@service('mars', 'host')\nclass Rover(Host): ..."
        ),
        "ValueError: mars/host: the provider must be one of aws, azure, focus, gcp, generic",
    ),
    "thief": (
        (
            "from agents.generic.services.host import Host\nfrom agents.core.service import service\n"
            "@service('generic', 'host')\nclass Other(Host): ..."
        ),
        "RuntimeError: generic/host is registered twice",
    ),
}
_LIST = """
import json, logging
logging.basicConfig()
from agents.core.service import find, services, unusable
try:
    find("generic", "good_half")
except LookupError as error:
    told = str(error)
print(json.dumps([sorted("/".join(key) for key in services()), list(unusable()), told]))
"""


def test_one_that_is_broken_is_told_of_with_its_distribution_and_takes_no_other_down(
    installed: Path, tmp_path: Path
) -> None:
    for name, (code, _) in _BROKEN.items():
        (tmp_path / f"broken_{name}.py").write_text(code, encoding="utf-8")
        about = tmp_path / f"dist_{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.0\n", encoding="utf-8")
        entry = f"[finfleet.services]\n{name} = broken_{name}\n"
        (about / "entry_points.txt").write_text(entry, encoding="utf-8")
    done = _python(_LIST, Path(os.pathsep.join([str(tmp_path), str(installed)])))
    assert done.returncode == 0, done.stderr
    there, faults, told = json.loads(done.stdout)
    assert {"generic/host", "generic/spool_directory", "aws/ec2"} <= set(there)
    assert not {"generic/good_half", "generic/abstract", "mars/host"} & set(there)
    assert len(faults) == len(_BROKEN)
    for name, (_, reason) in _BROKEN.items():
        (fault,) = [one for one in faults if one.startswith(f"dist-{name}: entry point {name} = broken_{name}: ")]
        assert reason in fault
        assert f"a service cannot be used: {fault}" in done.stderr
        assert fault in told
