"""Whatever our programs print goes through one way out, which lets nothing pass that steers a terminal."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("telemetry", "agents", "storage", "tasks", "workers")
# The way out itself, and what is handed to it.
WAY_OUT = {"telemetry/terminal.py": {"click.echo"}, "workers/output.py": {"click.echo", "Console"}}
# A console is made for the views, which show() what they draw: tests/integration/test_hostile_terminal.py.
WAY_OUT["workers/commands/up.py"] = {"Console"}
PRINTS = {"print", "click.echo", "click.secho", "click.style", "Console", "sys.stdout.write", "sys.stderr.write"}


def _modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def _printing(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTS:
            yield ast.unparse(node.func), node.lineno


def test_nothing_is_printed_but_by_the_one_way_out() -> None:
    modules = _modules()
    assert len(modules) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules
        for name, line in _printing(path)
        if name not in WAY_OUT.get(str(path.relative_to(ROOT)), set())
    ]
    assert found == []


def test_log_lines_of_every_program_are_formatted_by_ours() -> None:
    own = {"telemetry/logs/setting_up.py", "telemetry/logs/formats.py"}
    elsewhere = re.compile(r"logging\.(basicConfig|StreamHandler|Formatter)\(|\.addHandler\(")
    handlers = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if elsewhere.search(path.read_text(encoding="utf-8"))
    }
    assert handlers - own == set()


def _log_calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"debug", "info", "warning", "error", "exception", "critical", "log"}
            and ast.unparse(node.func.value).strip("_").endswith(("log", "logger"))
        ):
            yield node


def test_no_log_line_shows_a_value_as_python_writes_it() -> None:
    """The message is a constant with %s and %d, so that values are shown by one place: telemetry/logs/values.py."""
    calls = [(path, call) for path in _modules() for call in _log_calls(path)]
    assert len(calls) > 100
    odd = []
    for path, call in calls:
        message, *values = call.args[isinstance(call.func, ast.Attribute) and call.func.attr == "log" :]
        shown = "".join(ast.unparse(value) for value in values)
        if (
            not isinstance(message, ast.Constant)
            or re.search(r"%\(?\w*\)?[ra]", str(message.value))
            or re.search(r"!r\}|\brepr\(", shown)
        ):
            odd.append(f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}")
    assert odd == []
