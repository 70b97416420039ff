# ruff: noqa: INP001 - a script of the image, not a package
"""Compiles the modules that finfleet loads, and no others: ``python compile_imported.py SITE_PACKAGES MODULE...``.

An SDK has thousands of modules of which a process loads a part, and a compiled module is as large as its source. What
is loaded is what our modules import, wherever in them, and what that imports in turn, and the modules that are named. A
module that is left out works as well: it is compiled each time that it is loaded.

Half of a generated client is what it says of each field; its compiled form is kept without these docstrings. Others
keep theirs: numpy reads them.
"""

from __future__ import annotations

import ast
import importlib
import marshal
import sys
import warnings
from importlib.metadata import distribution
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_GENERATED = ("azure", "google")
_UNCHECKED = (1).to_bytes(4, "little")
"""Flags of a compiled module that is not compared with its source."""


def main() -> None:
    """Load all that is imported: Python keeps the compiled form of what it loads."""
    site, named = Path(sys.argv[1]).resolve(), sys.argv[2:]
    ours = {str(file.locate()) for file in distribution("finfleet").files or () if file.suffix == ".py"}
    for name in sorted({*_names(ours, site), *named}):
        _load(name)
    for file in (file for name in _GENERATED for file in (site / name).rglob("*.py")):
        compiled = Path(cache_from_source(str(file)))
        if compiled.exists():
            compiled.write_bytes(_compiled(file))
    sys.stdout.write(
        f"compiled {sum(1 for _ in site.rglob('*.pyc'))} of {sum(1 for _ in site.rglob('*.py'))} modules\n"
    )


def _compiled(file: Path) -> bytes:
    """A module without its docstrings; as numbers of lines stay, so do tracebacks."""
    source = file.read_bytes()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), node.body[0])]
    code = compile(tree, str(file), "exec", dont_inherit=True)
    return MAGIC_NUMBER + _UNCHECKED + source_hash(source) + marshal.dumps(code)


def _names(files: set[str], site: Path) -> Iterator[str]:
    """Of modules of ours, and of whatever one of them imports."""
    for file in files:
        yield ".".join(Path(file).resolve().relative_to(site).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _load(name: str) -> None:
    """Load a module, if that is one: an image has the extras that it was built with, and an import may name a class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 - whatever it needs to be loaded, it is not there while the image is built
            return


if __name__ == "__main__":
    main()
