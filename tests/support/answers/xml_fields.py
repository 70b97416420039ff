"""The elements of XML: a path has the number of each child."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

from tests.support.answers.harm import DROP, TWICE, Harm, Path, Place, replacing

_ODD = (
    "", "x", "-1", "5", "0.5", "1e400", "NaN", "true", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "x" * 3000,
    "&<>",
)  # fmt: skip
_NESTED = "<nested>"


def places(content: ET.Element, path: Path = (), shape: str = "", items: tuple[Path, ...] = ()) -> Iterator[Place]:
    """Every element at any depth, without the root."""
    for number, child in enumerate(content):
        here, tag = (*path, number), child.tag.rpartition("}")[2]
        inside = (*items, here) if _is_listed(content, child) else items
        yield Place(here, f"{shape}.{tag}", inside)
        yield from places(child, here, f"{shape}.{tag}", inside)


def harms(content: ET.Element, path: Path) -> list[Harm]:
    """What can be done to the element."""
    former = _at(content, path)
    text = None if len(former) else former.text
    found = [replacing(text, value) for value in _ODD if value != text]
    if all(_is_listed(former, child) for child in former) and len(former):
        found = [replace(one, quiet=one.value == "") for one in found]  # a list without an item
    return [
        Harm(DROP, quiet=_is_listed(_at(content, path[:-1]), _at(content, path))),
        Harm(TWICE),
        Harm(_NESTED, _NESTED),
        *found,
    ]


def harmed(content: ET.Element, path: Path, harm: Harm) -> ET.Element:
    """The content with the harm done; LookupError where it has no such element."""
    content = copy.deepcopy(content)
    parent, number = _at(content, path[:-1]), int(path[-1])
    child = parent[number]
    if harm.name == DROP:
        parent.remove(child)
    elif harm.name == TWICE:
        parent.insert(number, copy.deepcopy(child))
    else:
        for inner in list(child):
            child.remove(inner)
        child.text = None if harm.name == _NESTED else harm.value
        if harm.name == _NESTED:
            ET.SubElement(child, "x").text = "1"
    return content


def _at(content: ET.Element, path: Path) -> ET.Element:
    for step in path:
        content = content[int(step)]
    return content


def _is_listed(parent: ET.Element, child: ET.Element) -> bool:
    """Whether it is an item of a list: by its name, that of the list, or others beside it."""
    tag = child.tag.rpartition("}")[2]
    return tag in {"item", "member"} or parent.tag == f"{child.tag}s" or len(parent.findall(child.tag)) > 1
