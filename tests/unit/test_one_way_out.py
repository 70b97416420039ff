"""Whatever our programs print goes through one way out, which lets nothing pass that steers a terminal."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("telemetry", "agents", "storage", "tasks", "workers")
# The way out itself, and what is handed to it.
WAY_OUT = {"telemetry/terminal.py": {"click.echo"}, "workers/output.py": {"click.echo", "Console"}}
# A console is made for the views, which show() what they draw: tests/integration/test_hostile_terminal.py.
WAY_OUT["workers/commands/up.py"] = {"Console"}
PRINTS = {"print", "click.echo", "click.secho", "click.style", "Console", "sys.stdout.write", "sys.stderr.write"}


def _printing(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTS:
            yield ast.unparse(node.func), node.lineno


def test_nothing_is_printed_but_by_the_one_way_out() -> None:
    modules = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(modules) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules
        for name, line in _printing(path)
        if name not in WAY_OUT.get(str(path.relative_to(ROOT)), set())
    ]
    assert found == []


def test_log_lines_of_every_program_are_formatted_by_ours() -> None:
    handlers = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "logging.basicConfig(" in (text := path.read_text(encoding="utf-8")) and "RedactingFormatter(" not in text
    }
    assert handlers == set()
