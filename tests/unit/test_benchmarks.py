"""What all benchmarks share: each is run by its name, and what was measured once stays on their page."""

from datetime import date
from pathlib import Path

import pytest

from benchmarks import history
from benchmarks.__main__ import NAMES, names

_DAY = date(2026, 11, 24)


def test_each_benchmark_is_told_with_what_it_measures() -> None:
    assert {"queries", "ingest", "memory", "aws_calls", "azure_calls", "gcp_calls"} <= names().keys()
    assert [name for name, said in names().items() if not said] == []


def test_each_benchmark_has_its_section() -> None:
    sections = [line[3:] for line in history.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    assert sections == list(NAMES)


def test_a_row_is_appended_to_its_section_and_the_former_ones_stay(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\n## ingest\n\nFast.\n\n## queries\n\nSlow.\n", encoding="utf-8")
    for name, figures in (("ingest", "0.79 of\nCOPY"), ("queries", "a | b"), ("ingest", "1.02 of COPY")):
        history.append(name, figures, page=page, day=_DAY, of="abc1234")
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| 2026-11-24 | abc1234 | ")]
    assert [row.split(" | ", 3)[3] for row in rows] == ["0.79 of COPY |", "1.02 of COPY |", "a \\| b |"]
    assert lines[:6] == ["# Benchmarks", "", "## ingest", "", "Fast.", ""]
    assert lines.count("| date | commit | machine | figures |") == 2
    assert lines.index("## queries") == lines.index(rows[1]) + 2


def test_a_benchmark_without_a_section_is_told(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no section 'fleet'"):
        history.append("fleet", "16.8 windows/s", page=page, day=_DAY, of="abc1234")
