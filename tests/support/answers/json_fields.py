"""The fields of JSON. A text that is JSON itself, as the items of AWS's price list are, is looked into as well."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from tests.support.answers.harm import DROP, TWICE, Harm, Path, Place, replacing

TEXT = "(json)"
"""The step of a path from a text into the JSON that it is."""
_ODD: tuple[Any, ...] = (
    None, "", "x", 5, -1, 0.5, 1e308, float("nan"), True, False, [], ["x"], [None], {}, {"x": 1}, "-1", "1e400", "NaN",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "x" * 3000, "\x00", "\ud800", 10**30,
)  # fmt: skip


def places(content: Any, path: Path = (), shape: str = "", items: tuple[Path, ...] = ()) -> Iterator[Place]:
    """Every field at any depth."""
    inner = _inner(content)
    if isinstance(content, str) and inner is not None:
        yield from places(inner, (*path, TEXT), shape, items)
    elif isinstance(inner, dict):
        for key, value in inner.items():
            yield Place((*path, key), f"{shape}.{key}", items)
            yield from places(value, (*path, key), f"{shape}.{key}", items)
    elif isinstance(inner, list):
        for number, value in enumerate(inner):
            here = (*path, number)
            yield Place(here, f"{shape}[]", (*items, here))
            yield from places(value, here, f"{shape}[]", (*items, here))


def harms(content: Any, path: Path) -> list[Harm]:
    """What can be done to the field."""
    former = _at(content, path)
    found = [replacing(former, value) for value in _ODD if type(value) is not type(former) or value != former]
    listed = isinstance(path[-1], int)
    return [Harm(DROP, quiet=listed), *([Harm(TWICE)] if listed else []), *found]


def harmed(content: Any, path: Path, harm: Harm) -> Any:
    """The content with the harm done; LookupError where it has no such field."""
    step, rest = path[0], path[1:]
    if step == TEXT:
        return json.dumps(harmed(json.loads(content), rest, harm))
    content = copy.copy(content)
    if rest:
        content[step] = harmed(content[step], rest, harm)
    elif harm.name == DROP:
        del content[step]
    elif harm.name == TWICE:
        content.insert(step, content[step])
    else:
        content[step]
        content[step] = harm.value
    return content


def _at(content: Any, path: Path) -> Any:
    for step in path:
        content = json.loads(content) if step == TEXT else content[step]
    return content


def _inner(content: Any) -> Any:
    """What is inside of it: an object, a list, or None."""
    if isinstance(content, str) and content[:1] in {"{", "["}:
        try:
            return json.loads(content)
        except ValueError:
            return None
    return content if isinstance(content, dict | list) else None
