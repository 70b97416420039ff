"""Run benchmarks one after the other, each in a process of its own: `python -m benchmarks [NAME ...] [--record]`.

What else is on the command line goes to each of them: `python -m benchmarks queries --scale 0.1`. A new one is named in
`NAMES`, and has a section in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import history
from benchmarks.frame import FIGURES, say

NAMES = (
    "fleet",
    "planner",
    "latency",
    "ingest",
    "aws_calls",
    "azure_calls",
    "gcp_calls",
    "storage",
    "queries",
    "memory",
    "anomalies",
    "forecasts",
    "bills",
    "exports",
    "object_stores",
)
_FOLDER = Path(__file__).parent


def names() -> dict[str, str]:
    """The benchmarks that there are, with what each measures."""
    found = {}
    for name in NAMES:
        path = _FOLDER / f"{name}.py"
        if path.exists():
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[name] = said.partition("\n")[0].partition(": `python -m")[0]
    return found


def main() -> None:
    """Run what is named, or all."""
    known = names()
    listing = "\n".join(f"  {name:12} {said}" for name, said in known.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks [NAME ...]",
        description=__doc__,
        epilog=f"names:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--record", action="store_true", help="append the figures to docs/benchmarks.md")
    given = sys.argv[1:]
    # What follows an option of a benchmark is its value, and no name.
    first = next((place for place, word in enumerate(given) if word.startswith("-")), len(given))
    arguments, others = parser.parse_known_args(given[first:])
    wanted = given[:first] or list(known)
    if strange := [name for name in wanted if name not in known]:
        parser.error(f"no benchmark {', '.join(strange)}; there are:\n{listing}")
    failed = [name for name in wanted if not _run(name, others, record=arguments.record)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _run(name: str, others: list[str], *, record: bool) -> bool:
    say(f"== {name}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", *others]
        done = subprocess.run(command, env={**os.environ, FIGURES: str(path)}, check=False)
        if done.returncode == 0 and record:
            _record(name, path)
    return done.returncode == 0


def _record(name: str, path: Path) -> None:
    if not path.exists():
        say(f"{name} concludes with no figures: python -m benchmarks.history {name} '...'")
        return
    figures = json.loads(path.read_text(encoding="utf-8"))
    history.append(name, "; ".join(f"{what}: {figure}" for what, figure in figures.items()))


if __name__ == "__main__":
    main()
