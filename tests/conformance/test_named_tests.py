"""Pages that name the tests which prove what they say: each of them is there."""

import ast
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`((?:unit|integration|faults|conformance|e2e)/[\w/]+\.py)::(\w+)`")
_PAGES = {"docs/architecture.md": 38, "SECURITY.md": 25}
"""And how many tests each names at the least."""


def _tests_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", _PAGES)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = _NAMED.findall((_ROOT / page).read_text(encoding="utf-8"))
    assert len(named) >= _PAGES[page]
    missing = [f"{file}::{name}" for file, name in named if name not in _tests_in(_ROOT / "tests" / file)]
    assert not missing


def test_every_sentence_of_why_nothing_is_lost_names_one() -> None:
    page = (_ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = page.partition("## Why nothing is lost")[2].partition("\n## ")[0]
    sentences = re.split(r"^\d+\. ", section, flags=re.MULTILINE)[1:]
    assert len(sentences) >= 15
    assert all(_NAMED.search(sentence) for sentence in sentences)
