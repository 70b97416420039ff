"""What CONTRIBUTING.md says a new service of AWS takes, one file and what is generated: tried in a copy of the tree."""

import json
import os
import re
import shutil
import sys
from difflib import ndiff
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from telemetry.packages import PACKAGES
from tests.support.distributions import ROOT, run

_SERVICE = '''"""SQS queues: how many messages wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agents.aws.calls import AwsCalls
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.records import Record, Resource
from telemetry.target import Target, Window


@service("aws", "sqs")
class Sqs(Service):
    """SQS queues of a region, by their names."""

    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    permissions = ("sqs:ListQueues",)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """The queues that there are."""
        for page in AwsCalls(context, target.region).pages("sqs", "ListQueues"):
            for url in page.get("QueueUrls", ()):
                yield Resource(
                    provider="aws", account=target.account, region=target.region, service="sqs", resource_id=url
                )

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A call for a thousand of them."""
        return Estimate({"sqs:ListQueues": 1 + resources // 1000}, Decimal(0))
'''
_SCHEDULE = """
import json
from tasks.app import app
print(json.dumps(app.conf.beat_schedule["fan out aws/sqs"]["args"]))
"""
_KIT = """
from agents.testing.services import ServiceConformance

class TestSqs(ServiceConformance):
    provider, names = "aws", ("sqs",)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of our packages, with one more file."""
    home = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, home / package, ignore=shutil.ignore_patterns("__pycache__"))
    (home / "agents" / "aws" / "services" / "sqs.py").write_text(_SERVICE, encoding="utf-8")
    (home / "telemetry.yaml").write_text("aws: {services: [sqs], region: us-east-1}\n", encoding="utf-8")
    (home / "test_kit.py").write_text(_KIT, encoding="utf-8")
    return home


def _python(tree: Path, *words: str) -> "CompletedProcess[str]":
    variables = {"PYTHONPATH": str(tree), "FINFLEET_CONFIG": str(tree / "telemetry.yaml")}
    return run([sys.executable, "-P", *words], **variables)


def test_one_file_is_scheduled_and_passes_the_kit(tree: Path) -> None:
    done = _python(tree, "-W", "error", "-c", _SCHEDULE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["aws", "sqs"]
    words = ("-q", "-p", "no:cacheprovider", "--rootdir", str(tree), "-c", os.devnull, str(tree / "test_kit.py"))
    done = _python(tree, "-m", "pytest", *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_of_services_lacks_its_line_and_no_other(tree: Path) -> None:
    done = _python(tree, "-W", "error", "-m", "workers.cli", "services", "--markdown")
    assert done.returncode == 0, done.stderr
    kept = (ROOT / "docs" / "services.md").read_text(encoding="utf-8")
    changed = [line for line in ndiff(kept.splitlines(), done.stdout.splitlines()) if not line.startswith("  ")]
    assert changed == ["+ | `aws/sqs` | SQS queues of a region, by their names. | 5 min | 10 min | - |"]


def test_the_document_of_permissions_lacks_its_statement_and_no_other(tree: Path) -> None:
    done = _python(tree, "-m", "workers.cli", "permissions", "aws", "--check", str(ROOT / "docs/permissions/aws.json"))
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if re.match(r"[+-](?![+-])", line)]
    assert any("sqs:ListQueues" in line for line in lines)
    assert not [line for line in lines if line.startswith("-")]
    assert "finfleet permissions aws >" in done.stderr


def test_contributing_names_the_files_that_there_are() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = text.partition("## A new service of AWS")[2].partition("\n## ")[0]
    files = re.findall(r"`((?:agents|docs|emulators|tests)/[\w./]+)`", listed)
    assert {"agents/aws/services/NAME.py", "docs/services.md", "docs/permissions/aws.json"} <= set(files)
    assert [file for file in files if not (ROOT / file.replace("NAME", "s3")).exists()] == []
