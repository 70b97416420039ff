"""This release and a former one, each in a process and on servers of its own, asked in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HERE = "this release"


class Release:
    """A process that measures when it is asked."""

    def __init__(self, name: str, child: subprocess.Popen[str], tree: Path) -> None:
        self.name = name
        self._child = child
        code = Path(self._hear()["code"])
        if not code.is_relative_to(tree):
            raise SystemExit(f"{name} runs {code}, which is not in {tree}")

    def measure(self, *numbers: int) -> Mapping[str, float]:
        """What the child says of these."""
        if self._child.stdin is None:
            raise SystemExit("the child hears nothing")
        self._child.stdin.write(" ".join(map(str, numbers)) + "\n")
        self._child.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line:
            raise SystemExit("a release has ended before its answer")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def releases(script: str, against: str | None) -> Iterator[Sequence[Release]]:
    """This one, and the revision ``against`` where one is named; both run this tree's ``script``."""
    with tempfile.TemporaryDirectory(prefix="finfleet-") as name:
        trees = {HERE: ROOT}
        if against is not None:
            trees[against] = _tree_of(against, Path(name).resolve())
        children = {release: _start(ROOT / "benchmarks" / script, tree) for release, tree in trees.items()}
        try:
            yield [Release(release, child, trees[release]) for release, child in children.items()]
        finally:
            for child in children.values():
                if child.stdin is not None:
                    child.stdin.close()
            for child in children.values():
                child.wait()


def _tree_of(revision: str, folder: Path) -> Path:
    """The files of a revision, without a trace in the repository."""
    git = ["git", "-C", str(ROOT), "archive", "--format=tar", revision]
    packed = subprocess.run(git, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _start(script: Path, tree: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    # -P: the folder of the script is not looked into, which is another release's.
    command = [sys.executable, "-P", str(script)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=tree
    )
