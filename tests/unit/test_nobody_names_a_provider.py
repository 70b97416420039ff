"""Outside of its folder no provider and no destination is named: the registries are open, and stay so."""

import ast
from collections.abc import Iterator
from pathlib import Path

from agents.core.provider import providers

_ROOT = Path(__file__).parents[2]
_OPEN = ("telemetry", "storage", "tasks", "workers", "agents/core")
_MODULES = [path for package in _OPEN for path in sorted((_ROOT / package).rglob("*.py"))]
_CLOUDS = frozenset(providers()) - {"generic", "focus"}
"""This machine and what anybody pushes are known to the fleet: they need no account. And FOCUS is a specification
first, which layouts and exports are named by."""
_FOLDERS = tuple(f"agents.{name}" for name in _CLOUDS)


def _texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """Every text in the code, docstrings and what stands alone left out."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node


def test_no_code_names_a_provider() -> None:
    faults = []
    for path in _MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        place = path.relative_to(_ROOT)
        faults += [f"{place}:{text.lineno}: {text.value!r}" for text in _texts(tree) if text.value in _CLOUDS]
        faults += [
            f"{place}:{node.lineno}: {node.module}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_FOLDERS)
        ]
    assert faults == []


def test_it_would_find_one() -> None:
    tree = ast.parse('"""Of aws."""\nif provider == "aws":\n    pass\n')
    assert [text.value for text in _texts(tree)] == ["aws"]
