"""Append figures to the history in docs/benchmarks.md: `python -m benchmarks.history NAME "FIGURES"`.

A row is never changed: what was measured then stays, with its date, its commit and its machine.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.frame import ROOT, commit, cores, load

PAGE = ROOT / "docs" / "benchmarks.md"
_HEADER = "| date | commit | machine | figures |\n| --- | --- | --- | --- |\n"


def append(name: str, figures: str, *, page: Path = PAGE, day: date | None = None, of: str | None = None) -> None:
    """Add a row at the end of the table of a benchmark; SystemExit where the page has no section for it."""
    text = page.read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(name)}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if section is None:
        raise SystemExit(f"{page.name} has no section {name!r}: say there what it measures, then record its figures")
    on = day or datetime.now(UTC).date()
    cells = [on.isoformat(), of or commit(), f"{cores()} cores, load {load():.1f}", " ".join(figures.split())]
    row = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    said = section[0].rstrip("\n") + "\n"
    said += row if said.rstrip().endswith("|") else f"\n{_HEADER}{row}"
    rest = text[section.end() :]
    page.write_text(text[: section.start()] + said + ("\n" + rest if rest else ""), encoding="utf-8")


def main() -> None:
    """Append what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("figures")
    arguments = parser.parse_args()
    append(arguments.name, arguments.figures)


if __name__ == "__main__":
    main()
