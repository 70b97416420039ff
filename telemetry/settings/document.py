"""Reads a YAML file within limits: its bytes, depth, values and numbers are bounded before they cost anything.

What is wrong is said by line and column, never by what stands there: it may be a password that nobody quoted.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from telemetry.errors import ConfigError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_VALUES = 50_000
"""With every alias counted as what it stands for."""
MAX_TEXT = 16_384
MAX_NUMBER = 64
_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
_TAGS = _NUMBERS | {f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "null", "map", "seq", "merge")}
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_SYNTAX = re.compile(r"""["'](?:.|<[a-z ]+>)["']""")
_NAME = re.compile(r"[\w.:*?/-]{1,60}", re.ASCII)
_QUOTE_IT = "; a value that begins with one of * & ! % @ ` has to stand in quotes"


class Purpose(NamedTuple):
    """What is said of a file, by what it is for."""

    #: Where there is none.
    missing: str
    empty: str
    no_mapping: str
    #: Of a section that has nothing in it; braces stand for its name.
    empty_section: str


CONFIGURATION = Purpose(
    missing="name another with --config or FINFLEET_CONFIG",
    empty="name what to collect, for example generic: {services: [host]}",
    no_mapping="it must hold sections such as aws: and destinations:",
    empty_section="write its keys below it, or leave it out; {0}: {{}} takes the default of each",
)


class _Refused(yaml.MarkedYAMLError):
    """A limit, in words of ours: nothing in them is quoted from the file but names of keys."""


class _Loader(yaml.SafeLoader):
    """Composes no deeper than allowed."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _refusal(f"it is nested more than {MAX_DEPTH} deep", _mark(self))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_document(path: Path, purpose: Purpose = CONFIGURATION) -> dict[str, Any]:
    """The sections of the file at ``path``; ConfigError where it cannot be read, or is no mapping within the limits."""
    try:
        document = _load(_text(path))
    except FileNotFoundError:
        raise _fault(path, f"there is no such file: {purpose.missing}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _fault(path, f"it cannot be read: {error}") from None
    except _Refused as error:
        raise _fault(path, f"{_where(error.problem_mark)}{error.problem}") from None
    except yaml.MarkedYAMLError as error:
        raise _fault(path, f"{_where(error.problem_mark)}{_unquoted(error.problem or '')}") from None
    except yaml.YAMLError:
        raise _fault(path, "it is not YAML: it holds a character that YAML does not allow") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        # The constructors of PyYAML let through what int(), float() and datetime() say of a value that they quote.
        raise _fault(path, "a value is not of the kind that it looks like, or that its tag names: quote it") from None
    if document is None:
        raise _fault(path, f"it is empty: {purpose.empty}")
    if not isinstance(document, dict):
        raise _fault(path, purpose.no_mapping)
    empty = [str(key) for key, value in document.items() if value is None and _NAME.fullmatch(str(key))]
    if empty:
        remedy = purpose.empty_section
        raise ConfigError(str(path), tuple(f"{key}: it is empty: {remedy.format(key)}" for key in empty))
    return {str(key): value for key, value in document.items()}


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _fault(path, f"it is longer than {MAX_BYTES} bytes")
    return data.decode("utf-8-sig")


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _Measure().of(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


class _Measure:
    """Counts the values of a document as if every alias were written out, and looks at each of them once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()

    def of(self, node: yaml.Node) -> tuple[int, int]:
        """Values in ``node``, and how deep it is."""
        if id(node) in self._known:
            return self._known[id(node)]
        if id(node) in self._open:
            raise _refusal("an alias stands for what it is a part of", node.start_mark)
        self._open.add(id(node))
        _check(node)
        parts = [self.of(part) for part in _parts(node)]
        size = 1 + sum(size for size, _ in parts)
        depth = 1 + max((depth for _, depth in parts), default=0)
        if size > MAX_VALUES:
            raise _refusal(f"it holds more than {MAX_VALUES} values, aliases written out", node.start_mark)
        if depth > MAX_DEPTH:
            raise _refusal(f"it is nested more than {MAX_DEPTH} deep, aliases written out", node.start_mark)
        self._known[id(node)] = size, depth
        return size, depth


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check(node: yaml.Node) -> None:
    if node.tag not in _TAGS:
        raise _refusal(f"a tag (!) that is not known here: write the value without one{_QUOTE_IT}", node.start_mark)
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    if isinstance(node, yaml.ScalarNode):
        limit = MAX_NUMBER if node.tag in _NUMBERS else MAX_TEXT
        if len(node.value) > limit:
            what = "number" if node.tag in _NUMBERS else "text"
            raise _refusal(f"a {what} of {len(node.value)} characters: at most {limit}", node.start_mark)


def _check_keys(node: yaml.MappingNode) -> None:
    """A key that is given twice is refused: YAML would silently take the last."""
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refusal("a list or a mapping cannot be a key", key.start_mark)
        if key.value in seen:
            name = f"key {key.value!r}" if _NAME.fullmatch(key.value) else "a key"
            raise _refusal(f"{name} is given twice", key.start_mark)
        seen.add(key.value)


def _unquoted(problem: str) -> str:
    """What PyYAML says is wrong, without what it quotes, single characters and words of its own excepted."""
    said = _QUOTED.sub(lambda found: found[0] if _SYNTAX.fullmatch(found[0]) else "...", problem)
    return said + (_QUOTE_IT if "..." in said or "cannot start any token" in said else "")


def _mark(loader: yaml.SafeLoader) -> yaml.Mark | None:
    mark: yaml.Mark | None = loader.peek_event().start_mark  # type: ignore[no-untyped-call]
    return mark


def _refusal(problem: str, mark: yaml.Mark | None) -> _Refused:
    return _Refused(None, None, problem, mark)


def _where(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _fault(path: Path, problem: str) -> ConfigError:
    return ConfigError(str(path), (problem,))
